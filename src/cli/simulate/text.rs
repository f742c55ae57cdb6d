//! A simulation for a human.

use super::{Report, ServiceReport};
use crate::simulate::population::Basis;
use crate::simulate::report::{Outcome, RegionRow, Summary};
use comfy_table::presets::UTF8_NO_BORDERS;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table};
use std::fmt::Write;

/// How clients of cities are located, in words.
pub(super) fn located(basis: &Basis) -> String {
    match (basis.by_city, basis.by_country) {
        (_, 0) => "by city: every city has prefixes of its own in the databases".to_owned(),
        (0, _) => {
            "by country only: the databases know no cities, so a client shows any prefix of its country".to_owned()
        }
        (city, country) => {
            let share = 100.0 * country as f64 / (city + country) as f64;
            format!("by city, and {share:.1} % by country only, where the databases know no prefix near the city")
        }
    }
}

/// The whole report.
pub(super) fn write(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_report(&mut out, report);
    out.lines().map(str::trim_end).fold(String::new(), |text, line| text + line + "\n")
}

fn write_report(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "simulated: no server was asked, and every member is assumed up but for what is supposed\n")?;
    let population = &report.population;
    let source = match &*population.source {
        "cities" => format!("{} cities, by population (GeoNames)", grouped(population.spots as u64)),
        file => format!("{} lines of {file}", grouped(population.spots as u64)),
    };
    writeln!(out, "  clients       {}, seed {}: {source}", grouped(population.clients), report.seed)?;
    if let Some(located) = &population.located {
        writeln!(out, "  located       {located}")?;
    }
    if population.behind_resolvers > 0.0 {
        let percent = 100.0 * population.behind_resolvers;
        writeln!(out, "  resolvers     {percent:.0} % of clients are behind public resolvers without client subnet")?;
    }
    match &report.candidate {
        Some(candidate) => writeln!(out, "  before        {}\n  after         {candidate}", report.present)?,
        None => writeln!(out, "  configured    {}", report.present)?,
    }
    match &report.supposed[..] {
        [] if report.candidate.is_none() => {
            writeln!(out, "  supposed      nothing: before and after are the same (try --down, --drain or --config)")?;
        }
        [] => {}
        supposed => writeln!(out, "  supposed      {}", supposed.join(", "))?,
    }
    for hint in &report.hints {
        writeln!(out, "  hint          {hint}")?;
    }
    writeln!(out, "  names         {}", report.names_reason)?;
    for service in &report.services {
        write_service(out, service)?;
        let is_all = report.services.len() == 1;
        write_outcome(out, if is_all { &report.total } else { &service.outcome }, is_all)?;
    }
    if report.services.len() > 1 {
        writeln!(out, "\nall of them together, each asked for as often")?;
        write_outcome(out, &report.total, true)?;
    }
    Ok(())
}

/// Most names of a service that are written out.
const NAMES_MAX: usize = 6;

fn write_service(out: &mut String, service: &ServiceReport) -> std::fmt::Result {
    let mut names = service.names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if service.names.len() > NAMES_MAX {
        write!(names, " and {} more", service.names.len() - NAMES_MAX)?;
    }
    writeln!(out, "\n{names}\n  pool `{}`, policy `{}`, type {}", service.pool, service.policy, service.rtype)
}

fn write_outcome(out: &mut String, outcome: &Outcome, judges_load: bool) -> std::fmt::Result {
    let has_load = outcome.regions.iter().any(|row| row.load_before.is_some());
    let mut table = plain_table();
    let mut header = vec!["region", "before", "after", "change"];
    if has_load {
        header.extend(["load before", "after", "capacity", ""]);
    }
    table.set_header(header);
    for row in &outcome.regions {
        let mut cells = vec![
            row.region.clone(),
            percent(row.share_before),
            percent(row.share_after),
            format!("{:+.1} %", 100.0 * (row.share_after - row.share_before)),
        ];
        if has_load {
            cells.extend([number(row.load_before), number(row.load_after), number(row.capacity), over(row)]);
        }
        table.add_row(cells);
    }
    align_right(&mut table, 1..=6);
    writeln!(out, "\n{table}\n")?;
    write_summaries(out, outcome, judges_load && has_load)?;
    write_moves(out, outcome)
}

fn write_summaries(out: &mut String, outcome: &Outcome, judges_load: bool) -> std::fmt::Result {
    let both = |of: &dyn Fn(&Summary) -> String| {
        let (before, after) = (of(&outcome.before), of(&outcome.after));
        if before == after { before } else { format!("{before} -> {after}") }
    };
    let km = |km: Option<u32>| km.map_or_else(|| "unknown".to_owned(), |km| format!("{} km", grouped(km.into())));
    writeln!(
        out,
        "  distance      median {}, 95th percentile {}",
        both(&|s| km(s.median_km)),
        both(&|s| km(s.p95_km))
    )?;
    if judges_load {
        let regions = |summary: &Summary| match &summary.over_capacity[..] {
            [] => "none".to_owned(),
            regions => regions.join(", "),
        };
        writeln!(out, "  over capacity {}", both(&regions))?;
    }
    if outcome.before.fallback + outcome.after.fallback > 0 {
        writeln!(out, "  fallback      {} clients get fallback addresses", both(&|s| grouped(s.fallback)))?;
    }
    writeln!(out, "  no answer     {} clients", both(&|s| grouped(s.unanswered)))?;
    let share = percent(outcome.moved as f64 / outcome.clients.max(1) as f64);
    writeln!(out, "  moved         {} clients, {share}", grouped(outcome.moved))
}

fn write_moves(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    if outcome.moves.is_empty() {
        return Ok(());
    }
    let mut table = plain_table();
    table.set_header(["country", "from", "to", "clients", "of all"]);
    for row in &outcome.moves {
        let country = row.country.as_deref().unwrap_or("unknown");
        table.add_row([country, &row.from, &row.to, &grouped(row.clients), &percent(row.share)]);
    }
    align_right(&mut table, 3..=4);
    writeln!(out, "\n{table}")?;
    match outcome.moves_left_out {
        0 => Ok(()),
        more => writeln!(out, " and {more} more; `--moves N` shows N"),
    }
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_NO_BORDERS.row_separator(LineStyle::none()));
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn align_right(table: &mut Table, columns: std::ops::RangeInclusive<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn number(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number) if number >= 1_000_000.0 => format!("{number:.4e}"),
        Some(number) if number >= 100.0 => format!("{number:.0}"),
        Some(number) => format!("{number:.2}"),
    }
}

fn over(row: &RegionRow) -> String {
    let Some(most) = row.capacity else { return String::new() };
    match (row.load_before, row.load_after) {
        (_, Some(after)) if after > most => format!("{:.0} % of capacity", 100.0 * after / most),
        _ => String::new(),
    }
}

/// A number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_grouped_by_three() {
        let grouped = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "1,234,567"]);
    }
}
