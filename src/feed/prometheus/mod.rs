//! The `prometheus` kind: a metric of a page in Prometheus text or OpenMetrics. Pure; knows no time.

mod text;

pub use text::{Sample, samples};

use super::reading::{Reading, set};
use super::spec::Scaled;

/// What is read from a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The metric's name.
    pub name: String,
    /// Labels that must be there with these values.
    pub labels: Vec<(String, String)>,
    /// It only grows; what it grows by is measured.
    pub rate: bool,
    /// What it measures.
    pub scaled: Scaled,
}

impl Wanted {
    fn matches(&self, sample: &Sample<'_>) -> bool {
        sample.name == self.name
            && self.labels.iter().all(|(name, value)| match sample.labels.iter().find(|(known, _)| known == name) {
                Some((_, known)) => known == value,
                // A label without a value is the same as none.
                None => value.is_empty(),
            })
    }
}

/// What a page says of several things; each wants something of its own. The page is read once.
pub fn read(page: &[u8], wanted: &[&Wanted]) -> Vec<Result<Reading, String>> {
    let mut sums: Vec<Option<f64>> = vec![None; wanted.len()];
    // Half a number is a number too.
    let is_cut = !page.is_empty() && !page.ends_with(b"\n");
    let mut garbled = is_cut.then(|| "the page ends within a line: it was cut off".to_owned());
    for sample in samples(page) {
        match sample {
            Ok(sample) => {
                for (sum, _) in sums.iter_mut().zip(wanted).filter(|(_, wanted)| wanted.matches(&sample)) {
                    *sum = Some(sum.unwrap_or_default() + sample.value);
                }
            }
            Err(why) => garbled = garbled.or(Some(why)),
        }
    }
    let told = |(sum, wanted): (Option<f64>, &&Wanted)| {
        if let Some(why) = &garbled {
            // What could not be read may be what is wanted.
            return Err(why.clone());
        }
        reading(sum, wanted)
    };
    sums.into_iter().zip(wanted).map(told).collect()
}

fn reading(sum: Option<f64>, wanted: &Wanted) -> Result<Reading, String> {
    let Some(sum) = sum else { return Err(format!("the page has no metric {}", described(wanted))) };
    let mut reading = Reading::default();
    if wanted.rate {
        // Counters may grow beyond what a load can be.
        let total = sum * wanted.scaled.scale;
        if !total.is_finite() || total < 0.0 {
            return Err(format!("{} is {total}, which no counter can be", described(wanted)));
        }
        reading.counters.push((wanted.scaled.measure, total));
    } else {
        set(&mut reading.load, wanted.scaled.measure, wanted.scaled.of(sum)?)?;
    }
    Ok(reading)
}

/// `up{job="web"}`.
fn described(wanted: &Wanted) -> String {
    let labels: Vec<String> = wanted.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    format!("`{}{labels}`", wanted.name)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;
    use crate::feed::spec::Measure;

    const PAGE: &[u8] = b"# HELP busy_ratio How busy.\n# TYPE busy_ratio gauge\n\
        busy_ratio{core=\"0\",mode=\"user\"} 0.25\nbusy_ratio{core=\"1\",mode=\"user\"} 0.5 1700000000000\n\
        busy_ratio{core=\"0\",mode=\"idle\"} 3\nlost NaN\nendless +Inf\nless -1\nocts_total 1e20\nplain 7\n# EOF\n";

    fn wanted(name: &str, labels: &[(&str, &str)], rate: bool) -> Wanted {
        let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Wanted { name: name.to_owned(), labels, rate, scaled: Scaled { measure: Measure::Utilisation, scale: 1.0 } }
    }

    fn value(name: &str, labels: &[(&str, &str)]) -> Result<f64, String> {
        read(PAGE, &[&wanted(name, labels, false)]).remove(0).map(|reading| reading.load.utilisation.unwrap())
    }

    #[test]
    fn series_that_match_are_added_up() {
        assert_eq!(value("busy_ratio", &[("mode", "user")]), Ok(0.75));
        assert_eq!(value("busy_ratio", &[("core", "0")]), Ok(3.25));
        assert_eq!(value("busy_ratio", &[("core", "1"), ("mode", "user")]), Ok(0.5));
        assert_eq!(value("plain", &[("absent", "")]), Ok(7.0));
    }

    #[test]
    fn what_is_not_there_or_no_number_is_an_error() {
        for name in ["busy", "lost", "endless", "less", "HELP"] {
            assert!(value(name, &[]).is_err(), "{name}");
        }
        let error = value("busy_ratio", &[("core", "9")]).unwrap_err();
        assert!(error.contains("busy_ratio{core=\"9\"}"), "{error}");
    }

    #[test]
    fn counters_are_left_to_who_knows_the_time() {
        let reading = read(PAGE, &[&wanted("octs_total", &[], true)]).remove(0).unwrap();
        assert_eq!(reading.counters, [(Measure::Utilisation, 1e20)]);
        for name in ["lost", "less", "endless"] {
            assert!(read(PAGE, &[&wanted(name, &[], true)]).remove(0).is_err(), "{name}");
        }
    }

    #[test]
    fn a_page_that_is_none_is_told_of_to_all() {
        let (one, other) = (wanted("plain", &[], false), wanted("x", &[], false));
        for read in read(b"plain 1\n<html>\n", &[&one, &other]) {
            assert!(read.unwrap_err().contains("line 2"));
        }
        assert!(read(b"plain 1", &[&one]).remove(0).unwrap_err().contains("cut off"));
    }
}
