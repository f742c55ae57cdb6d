//! Why a message is no query that can be answered, and what is done about it.

use super::numbers::Rcode;

/// Why a message is no query that can be answered: one cause, one consequence, one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Malformed {
    /// Shorter than a header: there is nothing to answer to.
    ShortHeader,
    /// A response. Answering one could make two servers talk for ever.
    Response,
    /// An OPCODE other than QUERY.
    Opcode,
    /// Not exactly one question.
    QuestionCount,
    /// The question's name is cut off, compressed or too long, or its type or class is missing.
    Question,
    /// Records where a query has none.
    UnexpectedRecords,
    /// A record is cut off.
    Record,
    /// Octets behind the last record.
    TrailingOctets,
    /// An OPT record whose owner is not the root, whose options do not fill it exactly, or a second one.
    Opt,
    /// A client subnet option that breaks a rule of RFC 7871.
    ClientSubnet,
    /// A cookie option of an impossible length (RFC 7873, section 5.2.2).
    Cookie,
    /// A TCP keepalive option with a time in it (RFC 7828, section 3.2.1).
    Keepalive,
    /// An EDNS version other than 0.
    EdnsVersion,
}

impl Malformed {
    /// Every cause with a word for metrics, in the order of the enum.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::ShortHeader, "short_header"),
        (Self::Response, "response"),
        (Self::Opcode, "opcode"),
        (Self::QuestionCount, "question_count"),
        (Self::Question, "question"),
        (Self::UnexpectedRecords, "unexpected_records"),
        (Self::Record, "record"),
        (Self::TrailingOctets, "trailing_octets"),
        (Self::Opt, "opt"),
        (Self::ClientSubnet, "client_subnet"),
        (Self::Cookie, "cookie"),
        (Self::Keepalive, "keepalive"),
        (Self::EdnsVersion, "edns_version"),
    ];

    /// The response code that says so; `None`: no response.
    #[must_use]
    pub const fn rcode(self) -> Option<Rcode> {
        match self {
            Self::ShortHeader | Self::Response => None,
            Self::Opcode => Some(Rcode::NOTIMP),
            Self::EdnsVersion => Some(Rcode::BADVERS),
            Self::QuestionCount
            | Self::Question
            | Self::UnexpectedRecords
            | Self::Record
            | Self::TrailingOctets
            | Self::Opt
            | Self::ClientSubnet
            | Self::Cookie
            | Self::Keepalive => Some(Rcode::FORMERR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Malformed;

    #[test]
    fn the_list_of_causes_is_in_the_order_of_the_enum() {
        for (index, (cause, _)) in Malformed::ALL.iter().enumerate() {
            assert_eq!(*cause as usize, index);
        }
    }
}
