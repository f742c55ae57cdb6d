//! `/metrics`: everything that is counted, in Prometheus text or OpenMetrics.

mod courses;
mod feeds;
mod operator;

use super::{AdminState, Serving};
use crate::answer::counters::Tally;
use crate::base::UnixTime;
use crate::health::Status;
use crate::probe::Lane;
use crate::probe::metrics::{LagMetrics, Metrics as ProbeMetrics};
use crate::transfer::secondary::status::{State, ZoneStatus};
use crate::transport::StreamCounters;
use crate::wire::{Malformed, Name, Rcode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// The metrics in OpenMetrics text.
pub(super) fn open_metrics(state: &AdminState) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Everything(state.clone())));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out.lines().fold(String::with_capacity(out.len()), |text, line| text + &without_braces(line) + "\n"))
}

/// A line without braces around no labels, which the library writes.
fn without_braces(line: &str) -> Cow<'_, str> {
    match line.split_once("{} ") {
        // A name alone is in front of them.
        Some((name, value)) if !name.contains([' ', '"', '{']) => format!("{name} {value}").into(),
        _ => line.into(),
    }
}

/// The metrics in Prometheus text, version 0.0.4. The library writes OpenMetrics only, where the metadata of a counter
/// names it without `_total` and an EOF line ends the text.
pub(super) fn prometheus_text(state: &AdminState) -> Result<String, fmt::Error> {
    let open = open_metrics(state)?;
    let counters: HashSet<&str> =
        open.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut out = String::with_capacity(open.len());
    for line in open.lines().filter(|&line| line != "# EOF") {
        let metadata = ["# HELP ", "# TYPE "].iter().find_map(|start| Some((start, line.strip_prefix(start)?)));
        match metadata.and_then(|(start, rest)| Some((start, rest.split_once(' ')?))) {
            Some((start, (name, rest))) if counters.contains(name) => writeln!(out, "{start}{name}_total {rest}")?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(out)
}

struct Everything(AdminState);

impl fmt::Debug for Everything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Everything")
    }
}

impl Collector for Everything {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Families(encoder);
        queries(&self.0, &mut out)?;
        answers(&self.0, &mut out)?;
        health(&self.0, &mut out)?;
        feeds::feeds(&self.0, &mut out)?;
        operator::orders(&self.0, &mut out)?;
        courses::regions(&self.0, &mut out)?;
        secondaries(&self.0, &mut out)?;
        aliases(&self.0, &mut out)?;
        configuration(&self.0, &mut out)
    }
}

/// Writes one family of samples after the other.
struct Families<'a>(DescriptorEncoder<'a>);

impl Families<'_> {
    fn counter<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    fn gauge<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// Buckets are each for values above the bound before.
    fn histogram(&mut self, name: &str, help: &str, sum: f64, buckets: &[(f64, u64)]) -> fmt::Result {
        let count = buckets.iter().map(|(_, count)| count).sum();
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        family.encode_histogram::<NoLabelSet>(sum, count, buckets, None)
    }
}

/// Labels of a sample: names and values.
type Labels = Vec<(&'static str, String)>;

fn queries(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let Some(serving) = state.serving.get() else { return Ok(()) };
    let mut by_transport: BTreeMap<&str, Tally> = BTreeMap::new();
    for worker in &serving.workers {
        *by_transport.entry(worker.transport).or_default() += &worker.answers.tally();
    }
    let of = |read: fn(&Tally) -> u64| -> Vec<(Labels, u64)> {
        by_transport.iter().map(|(name, tally)| (vec![("transport", (*name).to_owned())], read(tally))).collect()
    };
    out.counter("azimuth_queries", "Messages received", of(Tally::received))?;
    let mut responses: Vec<(Labels, u64)> = Vec::new();
    let mut malformed: Vec<(Labels, u64)> = Vec::new();
    for (&transport, tally) in &by_transport {
        let label = |key, value: String| vec![("transport", transport.to_owned()), (key, value)];
        responses.extend(tally.responses().map(|(rcode, count)| (label("rcode", rcode_name(rcode)), count)));
        malformed.extend(tally.malformed().map(|(cause, count)| (label("cause", cause_name(cause)), count)));
    }
    out.counter("azimuth_responses", "Responses by RCODE", responses)?;
    out.counter("azimuth_malformed_queries", "Messages that were no query that can be answered, by cause", malformed)?;
    out.counter("azimuth_dropped_queries", "Messages that got no response", of(Tally::dropped))?;
    out.counter("azimuth_truncated_responses", "Responses with TC set", of(|tally| tally.truncated))?;
    out.counter(
        "azimuth_referrals",
        "Responses that refer to the servers of a zone below",
        of(|tally| tally.referrals),
    )?;
    out.counter(
        "azimuth_client_subnet_queries",
        "Queries whose client subnet was used",
        of(|tally| tally.client_subnet),
    )?;
    limits(&by_transport, out)?;
    out.counter("azimuth_panics", "Queries that cost a panic and got no response", of(|tally| tally.panics))?;
    out.counter("azimuth_slow_queries", "Messages left to transfers, NOTIFY, UPDATE and TSIG", of(|tally| tally.slow))?;
    streams(&serving.streams, out)?;
    transfers(serving, out)
}

/// Cookies and rate limits.
fn limits(by_transport: &BTreeMap<&str, Tally>, out: &mut Families<'_>) -> fmt::Result {
    let mut cookies: Vec<(Labels, u64)> = Vec::new();
    let mut limited: Vec<(Labels, u64)> = Vec::new();
    for (&transport, tally) in by_transport {
        let label = |key, value: &str| vec![("transport", transport.to_owned()), (key, value.to_owned())];
        let proofs =
            [("valid", tally.cookies_valid), ("missing", tally.cookies_missing), ("invalid", tally.cookies_invalid)];
        cookies.extend(proofs.map(|(proof, count)| (label("server_cookie", proof), count)));
        let actions = [("dropped", tally.limited), ("slipped", tally.slipped)];
        limited.extend(actions.map(|(action, count)| (label("action", action), count)));
    }
    out.counter("azimuth_cookie_queries", "Queries with a cookie option, by what it proves", cookies)?;
    out.counter(
        "azimuth_rate_limited_responses",
        "Responses above the limit of their client: not sent, or sent in short so that it asks again in another way",
        limited,
    )
}

fn rcode_name(rcode: Rcode) -> String {
    rcode.mnemonic().map_or_else(|| rcode.0.to_string(), str::to_owned)
}

fn cause_name(cause: Malformed) -> String {
    Malformed::ALL.iter().find(|(known, _)| *known == cause).map(|(_, name)| (*name).to_owned()).unwrap_or_default()
}

fn streams(streams: &StreamCounters, out: &mut Families<'_>) -> fmt::Result {
    out.gauge("azimuth_tcp_connections", "TCP connections now", [(Labels::new(), streams.open() as f64)])?;
    let ended = [("accepted", streams.accepted()), ("refused", streams.refused()), ("shed", streams.shed())];
    let samples = ended.map(|(event, count)| (vec![("event", event.to_owned())], count));
    out.counter("azimuth_tcp_connection_events", "TCP connections accepted, refused, shed for a newer one", samples)
}

fn transfers(serving: &Serving, out: &mut Families<'_>) -> fmt::Result {
    let drops = serving.workers.iter().map(|worker| worker.io.slow_drops()).sum::<u64>();
    let one = |value: u64| [(Labels::new(), value)];
    out.counter("azimuth_slow_drops", "Messages dropped because too many such were being served", one(drops))?;
    let counters = &serving.transfers;
    let requests = counters
        .requests()
        .map(|(kind, end, count)| (vec![("kind", kind.word().to_owned()), ("result", end.word().to_owned())], count));
    out.counter("azimuth_slow_requests", "Transfers, NOTIFY, UPDATE and signed queries by result", requests)?;
    let refused = one(counters.signatures_refused_count());
    out.counter("azimuth_tsig_refused", "Requests whose TSIG signature did not hold", refused)?;
    let (records, octets) = counters.sent_totals();
    out.counter("azimuth_transferred_records", "Records sent by zone transfers", one(records))?;
    out.counter("azimuth_transferred_octets", "Octets sent by zone transfers", one(octets))?;
    let notifies = counters.notifies().map(|(told, count)| (vec![("result", told.word().to_owned())], count));
    out.counter("azimuth_notifies_sent", "NOTIFY messages to other servers by what became of them", notifies)?;
    updates(serving, out)
}

fn updates(serving: &Serving, out: &mut Families<'_>) -> fmt::Result {
    let of_zone = |apex: &Name| ("zone", apex.to_string());
    let mut results: Vec<(Labels, u64)> = Vec::new();
    for (apex, totals) in serving.updates.totals() {
        let by_word = totals.by_word().into_iter();
        results.extend(by_word.map(|(word, count)| (vec![of_zone(&apex), ("result", word.to_owned())], count)));
    }
    out.counter("azimuth_updates", "Dynamic updates by zone and result", results)?;
    let lens = serving.updates.journals().lens().into_iter();
    let lens = lens.map(|(apex, len)| (vec![of_zone(&apex)], len as f64));
    out.gauge("azimuth_journal_octets", "Octets in the journals of zones that take updates", lens)
}

fn answers(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let samples = state.publisher.totals().into_iter().map(|total| {
        let region = total.region.map_or_else(|| "none".to_owned(), |region| region.to_string());
        (vec![("pool", total.pool.to_string()), ("region", region)], total.answers)
    });
    out.counter("azimuth_steered_answers", "Answers of balanced names by pool and region", samples)
}

fn health(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let mut targets: Vec<_> = state.targets.iter().map(|entry| (entry.key().clone(), entry.value().clone())).collect();
    targets.sort_by(|a, b| a.0.cmp(&b.0));
    let labels = |key: &crate::health::TargetKey| -> Labels {
        vec![("monitor", key.monitor.to_string()), ("target", key.endpoint.to_string())]
    };
    let up = |status| match status {
        Status::Up => Some(1.0),
        Status::Down => Some(0.0),
        Status::Unknown => None,
    };
    out.gauge(
        "azimuth_target_up",
        "Whether a probed target is up; absent before its first result",
        targets.iter().filter_map(|(key, target)| Some((labels(key), up(target.status)?))),
    )?;
    out.gauge(
        "azimuth_target_latency_seconds",
        "How long the last probe of a target took",
        targets.iter().filter_map(|(key, target)| Some((labels(key), target.latency?.as_secs_f64()))),
    )?;
    let warnings = targets.iter().filter(|(_, target)| !target.warning.is_empty());
    out.gauge(
        "azimuth_target_warning",
        "1 for a target that passes with a warning, such as a certificate that expires soon",
        warnings.map(|(key, _)| (labels(key), 1.0)),
    )?;
    probes(state, out)
}

fn probes(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let probes = &state.probes;
    let mut results: Vec<(Labels, u64)> = Vec::new();
    for (kind, counted) in probes.kinds() {
        for (result, count) in
            [("passed", &counted.passed), ("failed", &counted.failed), ("local_error", &counted.local_errors)]
        {
            let labels = vec![("type", kind.word().to_owned()), ("result", result.to_owned())];
            results.push((labels, count.load(Ordering::Relaxed)));
        }
    }
    out.counter("azimuth_probes", "Probes by result; a local error is no result for the target", results)?;
    let gauge = |value: &AtomicU64| [(Labels::new(), value.load(Ordering::Relaxed) as f64)];
    let counter = |value: &AtomicU64| [(Labels::new(), value.load(Ordering::Relaxed))];
    out.gauge("azimuth_probes_in_flight", "Probes under way", gauge(&probes.in_flight))?;
    out.gauge("azimuth_probes_waiting", "Probes that are due and wait for a descriptor", gauge(&probes.waiting))?;
    out.gauge("azimuth_health_held", "1 while states are held because the checker seems blind", gauge(&probes.held))?;
    out.counter("azimuth_health_holds", "How often states began to be held", counter(&probes.holds))?;
    out.counter(
        "azimuth_resolve_failures",
        "Look-ups of probed host names that failed",
        counter(&probes.resolve_failures),
    )?;
    probe_pace(probes, out)
}

/// Whether probes start when they should.
fn probe_pace(probes: &ProbeMetrics, out: &mut Families<'_>) -> fmt::Result {
    let none = Labels::new;
    let bounds = LagMetrics::BOUNDS_MICROS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(probes.start_lag.counts()).collect();
    out.histogram(
        "azimuth_probe_start_lag_seconds",
        "By how much probes started later than planned, not counting what they waited for limits",
        probes.start_lag.sum().as_secs_f64(),
        &buckets,
    )?;
    let stretch = probes.stretch_thousandths.load(Ordering::Relaxed) as f64 / 1000.0;
    out.gauge(
        "azimuth_probe_interval_stretch",
        "What all intervals of probes are multiplied by because this machine does not keep up; 1 when it does",
        [(none(), stretch)],
    )?;
    let stretches = probes.stretches.load(Ordering::Relaxed);
    out.counter("azimuth_probe_stretches", "How often intervals of probes became longer", [(none(), stretches)])?;
    let mut limits: Vec<(Labels, u64, f64)> = probes
        .limits
        .iter()
        .map(|limit| {
            let labels = match limit.key() {
                Lane::Region(name) => vec![("region", name.to_string())],
                Lane::Programs => vec![("type", "exec".to_owned())],
            };
            let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
            (labels, read(&limit.waited), read(&limit.waiting) as f64)
        })
        .collect();
    limits.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    out.counter(
        "azimuth_probe_limit_waits",
        "Probes that had to wait because of a limit on those under way at once",
        limits.iter().map(|(labels, waited, _)| (labels.clone(), *waited)),
    )?;
    out.gauge(
        "azimuth_probe_limit_waiting",
        "Probes that wait now because of such a limit",
        limits.iter().map(|(labels, _, waiting)| (labels.clone(), *waiting)),
    )
}

fn secondaries(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let Some(secondaries) = state.secondaries.get() else { return Ok(()) };
    let zones = secondaries.status();
    let of_zone = |zone: &ZoneStatus| vec![("zone", zone.apex.to_string())];
    let with = |zone: &ZoneStatus, key: &'static str, word: &str| {
        vec![("zone", zone.apex.to_string()), (key, word.to_owned())]
    };
    let states = zones.iter().flat_map(|zone| {
        State::ALL.map(|state| (with(zone, "state", state.word()), f64::from(u8::from(zone.state == state))))
    });
    out.gauge("azimuth_secondary_state", "1 for the state that a secondary zone is in", states)?;
    let serials = zones.iter().map(|zone| (of_zone(zone), f64::from(zone.serial)));
    out.gauge("azimuth_secondary_serial", "SERIAL of a secondary zone, 0 without data", serials)?;
    let seconds = |time: UnixTime| time.0 as f64 / 1e6;
    let refreshed = zones.iter().filter_map(|zone| Some((of_zone(zone), seconds(zone.last_good?))));
    out.gauge(
        "azimuth_secondary_refreshed",
        "Unix time at which a secondary zone was last known to be its primary's",
        refreshed,
    )?;
    let expires = zones.iter().filter_map(|zone| Some((of_zone(zone), seconds(zone.expires?))));
    out.gauge("azimuth_secondary_expires", "Unix time at which a secondary zone expires", expires)?;
    let inactive = zones.iter().map(|zone| (of_zone(zone), zone.inactive_names as f64));
    out.gauge(
        "azimuth_secondary_inactive_names",
        "Balanced names that a secondary zone does not let be answered",
        inactive,
    )?;
    let refreshes = zones.iter().flat_map(|zone| {
        [("up_to_date", zone.up_to_date), ("axfr", zone.whole), ("ixfr", zone.incremental)]
            .map(|(word, count)| (with(zone, "result", word), count))
    });
    out.counter("azimuth_secondary_refreshes", "Comparisons with a primary by what came of them", refreshes)?;
    let failures = zones.iter().flat_map(|zone| {
        let counts = ZoneStatus::failure_kinds().into_iter().zip(zone.failures);
        counts.map(|(word, count)| (with(zone, "cause", word), count)).collect::<Vec<_>>()
    });
    out.counter("azimuth_secondary_failures", "Comparisons with a primary that failed, by cause", failures)?;
    let notified = zones.iter().map(|zone| (of_zone(zone), zone.notified));
    out.counter("azimuth_secondary_notifies", "NOTIFY messages from primaries that were heeded", notified)
}

fn aliases(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let counted = &state.aliases;
    let lookups = [("answered", &counted.answered), ("failed", &counted.failed)];
    let lookups = lookups.map(|(result, count)| (vec![("result", result.to_owned())], count.load(Ordering::Relaxed)));
    out.counter("azimuth_alias_lookups", "Look-ups of the targets of aliases, each family alone, by result", lookups)?;
    let failing = counted.failing.load(Ordering::Relaxed) as f64;
    let help = "Targets of aliases that cannot be looked up now; what was known of them stays in use";
    out.gauge("azimuth_alias_targets_failing", help, [(Labels::new(), failing)])
}

fn configuration(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let snapshot = &state.publisher.current().snapshot;
    let published = state.publisher.metrics();
    let one = |value: f64| [(Labels::new(), value)];
    out.gauge(
        "azimuth_snapshot_generation",
        "Number of the snapshot that queries read",
        one(published.generation as f64),
    )?;
    out.counter("azimuth_snapshots", "Snapshots published", [(Labels::new(), published.publications)])?;
    let seconds = published.last_build.as_secs_f64();
    out.gauge("azimuth_snapshot_build_seconds", "How long the last snapshot took to build", one(seconds))?;
    let held = published.retired as f64;
    out.gauge("azimuth_snapshots_retired", "Old snapshots that a worker still reads", one(held))?;
    let reloads = [("applied", &state.reloads.applied), ("refused", &state.reloads.refused)];
    let reloads = reloads.map(|(result, count)| (vec![("result", result.to_owned())], count.load(Ordering::Relaxed)));
    out.counter("azimuth_reloads", "Reloads of the configuration by result", reloads)?;
    let zones = || snapshot.zones.zones().iter().map(|zone| (vec![("zone", zone.apex().to_string())], zone));
    out.gauge(
        "azimuth_zone_serial",
        "SOA serial of a zone",
        zones().map(|(labels, zone)| (labels, f64::from(zone.serial()))),
    )?;
    out.gauge(
        "azimuth_zone_records",
        "Records in a zone",
        zones().map(|(labels, zone)| (labels, zone.record_count() as f64)),
    )?;
    out.gauge(
        "azimuth_zone_signatures_expire_seconds",
        "When the first signature of a zone that was signed elsewhere expires, in seconds since 1970",
        zones().filter_map(|(labels, zone)| Some((labels, zone.signatures_expire()?.as_secs() as f64))),
    )?;
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    out.gauge("azimuth_build_info", "Always 1; the label has the version", [(version, 1.0)])
}

#[cfg(test)]
mod tests {
    use super::without_braces;

    #[test]
    fn only_empty_braces_are_left_out() {
        assert_eq!(without_braces("azimuth_panics_total{} 0"), "azimuth_panics_total 0");
        for line in ["azimuth_zone_serial{zone=\"a{} b.\"} 1", "# HELP azimuth_x what {} means", "# EOF"] {
            assert_eq!(without_braces(line), line);
        }
    }
}
