//! Tables: in Markdown, which a terminal shows as well.

use crate::{
    contestant::{Contestant, Load},
    figures::Figure,
    machine,
    report::{Cell, Footprint, Report},
    target::targets,
    tokens::Algorithm,
};

/// Columns of text with a line of names over them; but for the first column, all are figures.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(names: &[&str]) -> Self {
        Self { rows: vec![names.iter().map(|name| (*name).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// As Markdown, with the columns in line.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).max(3)).collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let cell =
                    if column == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
                text.push_str(&cell);
            }
            text.push_str("|\n");
            if number == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let line = "-".repeat(width.saturating_sub(1));
                    text.push_str(&["| ", &line, if column == 0 { "- " } else { ": " }].concat());
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

/// Everything that a report says.
pub(crate) fn render(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "Envoy {}, one worker, on {} ({} cores); module of {} bytes; medians of {} rounds.\n\nMeter: {}",
        machine.envoy,
        machine.processor,
        machine.cores,
        group(&machine.module_bytes.to_string()),
        report.rounds,
        machine::method(report.meter.method),
    );
    if let Some(note) = &report.meter.note {
        text.push_str(&["; ", note].concat());
    }
    text.push_str(".\n");
    for algorithm in Algorithm::ALL {
        for load in Load::ALL {
            let table = comparison(report, algorithm, load).render();
            text.push_str(&["\n", algorithm.name(), ", ", describe(load), ":\n\n", &table].concat());
        }
    }
    text.push_str("\nPS256 of 2048 bits in wasm, one verification:\n\n");
    text.push_str(&race(report).render());
    text.push_str(&footprint(&report.footprint));
    text.push_str("\nTargets:\n\n");
    let mut table = Table::new(&["target", "at most", "measured", "verdict"]);
    for target in targets(report) {
        let number = |value: f64| if value >= 100.0 { count(value) } else { format!("{value:.2}") };
        let value = target.value.map_or_else(|| "–".to_owned(), number);
        table.row(vec![target.what.to_owned(), number(target.limit), value, target.verdict().to_owned()]);
    }
    text.push_str(&table.render());
    text
}

fn footprint(footprint: &Footprint) -> String {
    format!(
        "\nMemory of a worker's VM: {} KB; of the first worker, with the VM of the main thread and the compiled module, {} MB. \
         Envoy answers {} ms later than without the filter.\n",
        footprint.worker_bytes.div_euclid(1000),
        megabytes(footprint.first_worker_bytes),
        footprint.start_milliseconds,
    )
}

/// A column of the comparison.
struct Column {
    name: &'static str,
    show: fn(&Cell) -> String,
}

const fn describe(load: Load) -> &'static str {
    match load {
        Load::Hot => "one token over and over (hot)",
        Load::Cold => "a new token each time (cold)",
    }
}

fn comparison(report: &Report, algorithm: Algorithm, load: Load) -> Table {
    let cells: Vec<&Cell> = (Contestant::ALL.into_iter())
        .filter_map(|contestant| report.cell(contestant, algorithm, load))
        .collect();
    let has = |figure: fn(&Cell) -> Option<Figure>| cells.iter().any(|cell| figure(cell).is_some());
    let mut columns = Vec::new();
    if has(|cell| cell.added.instructions) {
        let show: fn(&Cell) -> String = |cell| cell.added.instructions.map_or_else(String::new, counted);
        columns.push(Column { name: "added instructions", show });
    }
    if has(|cell| cell.added.cycles) {
        let show: fn(&Cell) -> String = |cell| cell.added.cycles.map_or_else(String::new, counted);
        columns.push(Column { name: "added cycles", show });
    }
    if has(|cell| cell.added.nanoseconds) {
        let show: fn(&Cell) -> String = |cell| cell.added.nanoseconds.map_or_else(String::new, microseconds);
        columns.push(Column { name: "added µs", show });
    }
    columns.extend([
        Column { name: "of jwt_authn", show: |cell| cell.of_native.map_or_else(String::new, ratio) },
        Column {
            name: "requests/s",
            show: |cell| relative(cell, cell.throughput, |figure| count(figure.median)),
        },
        Column { name: "p50", show: |cell| relative(cell, cell.p50, latency) },
        Column { name: "p99", show: |cell| relative(cell, cell.p99, latency) },
    ]);
    let names: Vec<&str> = ["listener"].into_iter().chain(columns.iter().map(|column| column.name)).collect();
    let mut table = Table::new(&names);
    for cell in cells {
        let label = cell.contestant.label().to_owned();
        table.row([label].into_iter().chain(columns.iter().map(|column| (column.show)(cell))).collect());
    }
    table
}

fn race(report: &Report) -> Table {
    let mut table = Table::new(&["implementation", "instructions", "cycles", "µs"]);
    for (name, cost) in [("the filter's own", report.ps256.filter), ("crate rsa 0.9", report.ps256.rsa)] {
        let show = |figure: Option<Figure>, show: fn(Figure) -> String| figure.map_or_else(String::new, show);
        table.row(vec![
            name.to_owned(),
            show(cost.instructions, counted),
            show(cost.cycles, counted),
            show(cost.nanoseconds, microseconds),
        ]);
    }
    table
}

/// A figure that stands for itself on the plain listener, and elsewhere beside it.
fn relative(cell: &Cell, figure: Figure, absolute: fn(Figure) -> String) -> String {
    if cell.contestant == Contestant::Plain { absolute(figure) } else { format!("× {:.2}", figure.median) }
}

fn latency(figure: Figure) -> String {
    format!("{:.0} µs", figure.median / 1000.0)
}

/// A count with its spread.
pub(crate) fn counted(figure: Figure) -> String {
    with_spread(figure, count)
}

/// Nanoseconds as microseconds, with their spread.
pub(crate) fn microseconds(figure: Figure) -> String {
    with_spread(figure, |nanoseconds| rounded(nanoseconds / 1000.0, 1))
}

fn ratio(figure: Figure) -> String {
    with_spread(figure, |ratio| rounded(ratio, 3))
}

/// The spread as a part of the median, unless it is the larger one: then the median is noise, and a part of it says nothing.
fn with_spread(figure: Figure, show: impl Fn(f64) -> String) -> String {
    let relative = figure.relative_spread();
    let spread = if relative < 1.0 { format!("{:.1} %", relative * 100.0) } else { show(figure.spread) };
    format!("{} ± {spread}", show(figure.median))
}

/// With so many decimals, and no sign before a zero.
fn rounded(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(zero) if !zero.contains(|digit: char| matches!(digit, '1'..='9')) => zero.to_owned(),
        Some(_) | None => text,
    }
}

/// A whole number in groups of three digits.
pub(crate) fn count(value: f64) -> String {
    group(&rounded(value, 0))
}

/// Bytes as millions of them.
pub(crate) fn megabytes(bytes: i64) -> String {
    // Whole tenths, so that no float is needed.
    let tenths = bytes.saturating_add(50_000).div_euclid(100_000);
    format!("{}.{}", tenths.div_euclid(10), tenths.rem_euclid(10))
}

fn group(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{meter::Method, report::tests::report};

    #[test]
    fn columns_stand_in_line() {
        let mut table = Table::new(&["name", "µs"]);
        table.row(vec!["a longer name".to_owned(), "1,234.5".to_owned()]);
        let expected =
            "| name          |      µs |\n| ------------- | ------: |\n| a longer name | 1,234.5 |\n";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn numbers_are_grouped_and_rounded() {
        for (value, text) in [(0.0, "0"), (999.6, "1,000"), (1_234_567.0, "1,234,567"), (-1234.0, "-1,234")] {
            assert_eq!(count(value), text);
        }
        assert_eq!(megabytes(1_250_000), "1.3");
        for (median, spread, text) in [
            (50_000.0, 500.0, "50,000 ± 1.0 %"),
            (200.0, 1500.0, "200 ± 1,500"),
            (-0.2, 40.0, "0 ± 40"),
            (0.0, 40.0, "0 ± 40"),
        ] {
            assert_eq!(counted(Figure { median, spread }), text);
        }
        assert_eq!(microseconds(Figure { median: -40.0, spread: 2500.0 }), "0.0 ± 2.5");
        assert_eq!(microseconds(Figure { median: -1040.0, spread: 52.0 }), "-1.0 ± 5.0 %");
    }

    #[test]
    fn a_report_tells_its_figures_and_what_they_are_worth() {
        let text = render(&report(Method::Hardware));
        for part in [
            "Envoy 1.40.0, one worker, on a processor (2 cores); module of 1,000,000 bytes; medians of 3 rounds.",
            "RS256, one token over and over (hot):",
            "| validate-jwt           |     50,000 ± 1.0 % |",
            "| hot, instructions ",
            "MISSED",
            "Memory of a worker's VM: 5000 KB",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("hardware counters are not"));

        let text = render(&report(Method::CpuTime));
        assert!(text.contains("; no counters here.\n"), "{text}");
        assert!(!text.contains("added instructions"), "{text}");
    }
}
