//! Which continent a country is on, by the assignments that MaxMind's and GeoNames' data have. Knows no networks.

use crate::base::{Continent, Country};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The countries of each continent: ISO 3166-1 alpha-2 codes, and XK (Kosovo), which both data sets use.
const COUNTRIES: [(Continent, &str); 7] = [
    (
        Continent::Africa,
        "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG \
         RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW",
    ),
    (Continent::Antarctica, "AQ BV GS HM TF"),
    (
        Continent::Asia,
        "AE AF AM AZ BD BH BN BT CC CN GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM PH PK \
         PS QA SA SG SY TH TJ TM TR TW UZ VN YE",
    ),
    (
        Continent::Europe,
        "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME MK MT \
         NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
    ),
    (
        Continent::NorthAmerica,
        "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX TC TT US \
         VC VG VI",
    ),
    (Continent::Oceania, "AS AU CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS"),
    (Continent::SouthAmerica, "AR BO BR CL CO EC FK GF GY PE PY SR UY VE"),
];

/// Codes that stand for a part of the world in older data: a continent without a country.
const REGIONS: [(&str, Continent); 2] = [("EU", Continent::Europe), ("AP", Continent::Asia)];

/// The same by code, because every record of a database asks.
static CONTINENT_OF: LazyLock<HashMap<Country, Continent>> = LazyLock::new(|| countries().collect());

/// The continent of a country; `None` for a code that no country has.
#[must_use]
pub fn of(country: Country) -> Option<Continent> {
    CONTINENT_OF.get(&country).copied()
}

/// Every country whose continent is known, by continent.
pub fn countries() -> impl Iterator<Item = (Country, Continent)> {
    COUNTRIES.iter().flat_map(|&(continent, codes)| {
        codes.split(' ').filter_map(move |code| Country::new(code).map(|country| (country, continent)))
    })
}

/// The continent of a code as a database may give it: a country's, or that of a part of the world.
pub(super) fn of_code(code: Country) -> Option<Continent> {
    of(code).or_else(|| REGIONS.iter().find(|(region, _)| *region == code.as_str()).map(|&(_, continent)| continent))
}

/// Whether a code stands for a country: neither for a part of the world nor, like ZZ and XX, for nothing known.
pub(super) fn is_country(code: Country) -> bool {
    !matches!(code.as_str(), "AP" | "EU" | "XX" | "ZZ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{countries, of};
    use crate::base::{Continent, Country};

    #[test]
    fn every_country_is_on_one_continent() {
        let mut codes: Vec<String> = countries().map(|(country, _)| country.as_str().to_owned()).collect();
        let count = codes.len();
        codes.sort();
        codes.dedup();
        assert_eq!((codes.len(), count), (250, 250), "249 codes of ISO 3166-1 and XK");
        for (code, continent) in [
            ("US", Continent::NorthAmerica),
            ("GB", Continent::Europe),
            ("RU", Continent::Europe),
            ("TR", Continent::Asia),
            ("EG", Continent::Africa),
            ("TL", Continent::Oceania),
            ("BR", Continent::SouthAmerica),
            ("AQ", Continent::Antarctica),
        ] {
            assert_eq!(of(Country::new(code).unwrap()), Some(continent), "{code}");
        }
        assert_eq!(of(Country::new("ZZ").unwrap()), None);
    }
}
