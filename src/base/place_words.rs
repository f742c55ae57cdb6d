//! The words for places: points, countries, continents.

/// A point on the globe in degrees; finite and in range, which only [`Point::new`] can promise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    latitude: f64,
    longitude: f64,
}

/// Mean radius of the Earth (IUGG R1), in kilometres.
const EARTH_RADIUS_KM: f64 = 6_371.008_8;

impl Point {
    /// `latitude` in -90..=90 and `longitude` in -180..=180 degrees, else `None` (not-a-number included).
    #[must_use]
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let in_range = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        in_range.then_some(Self { latitude, longitude })
    }

    /// Degrees north of the equator.
    #[must_use]
    pub const fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    #[must_use]
    pub const fn longitude(self) -> f64 {
        self.longitude
    }

    /// Great-circle distance in kilometres, by the haversine formula.
    #[must_use]
    pub fn distance_km(self, other: Self) -> f64 {
        let (lat1, lat2) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_lat = ((lat2 - lat1) / 2.0).sin();
        let half_lon = ((other.longitude - self.longitude).to_radians() / 2.0).sin();
        let a = half_lat * half_lat + lat1.cos() * lat2.cos() * half_lon * half_lon;
        2.0 * EARTH_RADIUS_KM * a.sqrt().min(1.0).asin()
    }
}

/// An ISO 3166-1 alpha-2 country code in upper case, as geolocation databases give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Two ASCII letters of either case, else `None`. Whether the code is assigned is not checked.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        match code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    /// Whether the code is assigned to a country or territory.
    #[must_use]
    pub fn is_assigned(&self) -> bool {
        ASSIGNED.split_ascii_whitespace().any(|code| code == self.as_str())
    }

    /// The code, two upper-case letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

/// The codes that ISO 3166-1 assigns (249 in 2024), and XK, which databases use for Kosovo.
const ASSIGNED: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT \
    JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY \
    MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM \
    PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ \
    UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// A continent by the two-letter code that MaxMind's databases use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Continent {
    /// `AF`
    Africa,
    /// `AN`
    Antarctica,
    /// `AS`
    Asia,
    /// `EU`
    Europe,
    /// `NA`
    NorthAmerica,
    /// `OC`
    Oceania,
    /// `SA`
    SouthAmerica,
}

impl Continent {
    /// Every continent with its code and English name, in the order of the codes.
    pub const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Africa, "AF", "Africa"),
        (Self::Antarctica, "AN", "Antarctica"),
        (Self::Asia, "AS", "Asia"),
        (Self::Europe, "EU", "Europe"),
        (Self::NorthAmerica, "NA", "North America"),
        (Self::Oceania, "OC", "Oceania"),
        (Self::SouthAmerica, "SA", "South America"),
    ];

    /// The continent of a two-letter code in either case, else `None`.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(code)).map(|&(continent, ..)| continent)
    }

    /// The two-letter code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The English name.
    #[must_use]
    pub const fn english_name(self) -> &'static str {
        Self::ALL[self as usize].2
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Continent, Country, Point};

    #[test]
    fn distances_are_great_circles() {
        let (paris, new_york) = (Point::new(48.8566, 2.3522).unwrap(), Point::new(40.7128, -74.0060).unwrap());
        assert!((paris.distance_km(new_york) - 5_837.0).abs() < 2.0);
        assert_eq!(paris.distance_km(paris), 0.0);
        let (east, west) = (Point::new(0.0, 179.5).unwrap(), Point::new(0.0, -179.5).unwrap());
        assert!((east.distance_km(west) - 111.2).abs() < 0.1, "the date line is no wall");
    }

    #[test]
    fn points_off_the_globe_are_refused() {
        assert_eq!(Point::new(91.0, 0.0), None);
        assert_eq!(Point::new(0.0, 180.1), None);
        assert_eq!(Point::new(f64::NAN, 0.0), None);
    }

    #[test]
    fn codes_are_read_in_either_case() {
        assert_eq!(Country::new("de").unwrap().as_str(), "DE");
        assert_eq!(Country::new("D1"), None);
        assert!(Country::new("gb").unwrap().is_assigned() && !Country::new("UK").unwrap().is_assigned());
        let codes: Vec<&str> = super::ASSIGNED.split_ascii_whitespace().collect();
        assert!(codes.len() == 250 && codes.is_sorted() && codes.iter().all(|code| code.len() == 2));
        assert_eq!(Continent::new("na"), Some(Continent::NorthAmerica));
        assert!(Continent::ALL.iter().all(|&(c, code, _)| Continent::new(code) == Some(c) && c.as_str() == code));
    }
}
