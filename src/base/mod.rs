//! Words that every room shares: prefixes, points on the globe, times, ids, source spans and diagnostics, and what errors of the
//! network mean. Knows no DNS, no configuration and no clock, and speaks to nobody.

pub mod checksum;
pub mod diagnostic;
pub mod glob;
pub mod huge_pages;
pub mod ids;
pub mod named;
pub mod place_words;
pub mod prefix;
pub mod prefix_set;
pub mod suggest;
#[cfg(test)]
pub mod testing;
pub mod time;
pub mod trouble;

pub use checksum::checksum;
pub use diagnostic::{Diagnostic, Severity, SourceId, Sources, Span};
pub use ids::{MonitorId, PolicyId, PoolId, RegionId};
pub use named::{NamedFact, PlaceName};
pub use place_words::{Continent, Country, Point};
pub use prefix::{Family, Prefix};
pub use prefix_set::PrefixSet;
pub use time::UnixTime;
pub use trouble::Trouble;
