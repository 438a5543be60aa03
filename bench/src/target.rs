//! What was promised, and whether it was met.

use crate::{
    contestant::{Contestant, Load},
    figures::float,
    meter::Method,
    report::{Cell, Report},
    tokens::Algorithm,
};

/// A promise about one figure, which is to be at most the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) what: &'static str,
    pub(crate) limit: f64,
    /// `None` where the meter does not tell it.
    pub(crate) value: Option<f64>,
    /// Whether the value is one that the promise is about: most are about instructions.
    is_judged: bool,
}

impl Target {
    /// In a word.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.value {
            Some(value) if self.is_judged && value <= self.limit => "met",
            Some(_) if self.is_judged => "MISSED",
            Some(_) => "not judged by time",
            None => "not measured",
        }
    }
}

/// All of them.
pub(crate) fn targets(report: &Report) -> Vec<Target> {
    let filter = |algorithm, load| report.cell(Contestant::Filter, algorithm, load);
    let of_native = |cell: Option<&Cell>| Some(cell?.of_native?.median);
    let hot = filter(Algorithm::Rs256, Load::Hot);
    let is_judged = report.meter.method != Method::CpuTime;
    let target = |what, limit, value| Target { what, limit, value, is_judged };
    let always = |what, limit, value: f64| Target { what, limit, value: Some(value), is_judged: true };
    vec![
        target("cold RS256, of jwt_authn", 0.62, of_native(filter(Algorithm::Rs256, Load::Cold))),
        target("hot, instructions", 30_000.0, hot.and_then(|cell| Some(cell.added.instructions?.median))),
        target(
            "hot, of a wasm filter that reads the header",
            1.25,
            hot.and_then(|cell| Some(cell.of_header_wasm?.median)),
        ),
        target("cold ES256, of jwt_authn", 1.0, of_native(filter(Algorithm::Es256, Load::Cold))),
        target("PS256 in pure Rust, of the crate rsa 0.9", 0.3, Some(report.ps256.ratio.median)),
        always("module, bytes", 1_000_000.0, float(report.machine.module_bytes)),
        always(
            "start, ms more than without the filter",
            1000.0,
            float(report.footprint.start_milliseconds.max(0)),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn each_promise_is_compared_with_its_figure() {
        let targets = targets(&report(Method::Hardware));
        let seen: Vec<_> = targets.iter().map(|target| (target.value, target.verdict())).collect();
        assert_eq!(
            seen,
            [
                (Some(0.5), "met"),
                (Some(50_000.0), "MISSED"),
                (Some(2.0), "MISSED"),
                (Some(0.5), "met"),
                (Some(0.25), "met"),
                (Some(1_000_000.0), "met"),
                (Some(800.0), "met"),
            ]
        );
    }

    #[test]
    fn time_is_no_instruction() {
        let targets = targets(&report(Method::CpuTime));
        let verdicts: Vec<_> = targets.iter().map(Target::verdict).collect();
        assert_eq!(
            verdicts,
            [
                "not judged by time",
                "not measured",
                "not judged by time",
                "not judged by time",
                "not judged by time",
                "met",
                "met",
            ]
        );
    }
}
