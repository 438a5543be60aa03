//! Points in time as people write them (RFC 3339), in UTC.

use crate::time::Timestamp;

const MILLISECONDS_PER_DAY: i64 = 86_400_000;

/// The point as `2026-11-22T15:45:00Z`, whole seconds.
pub fn rfc3339(point: Timestamp) -> String {
    let milliseconds = point.as_millis();
    let (day, of_day) =
        (milliseconds.div_euclid(MILLISECONDS_PER_DAY), milliseconds.rem_euclid(MILLISECONDS_PER_DAY));
    let (year, month, day) = civil(day);
    let seconds = of_day / 1000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The point that this text names: RFC 3339 with `Z` or an offset, or seconds since 1970.
pub fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse() {
        return Some(Timestamp::from_secs(seconds));
    }
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let offset_at = time.find(['Z', 'z', '+', '-'])?;
    let (time, offset) = time.split_at_checked(offset_at)?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time.split_once('.').map_or(time, |(whole, _)| whole), ':')?;
    if !(1..=12).contains(&month)
        || !(0..24).contains(&hour)
        || !(0..60).contains(&minute)
        || !(0..=60).contains(&second)
    {
        return None;
    }
    let days = days(year, month, day);
    if civil(days) != (year, month, day) {
        return None;
    }
    let minutes = hour.checked_mul(60)?.checked_add(minute)?.checked_sub(offset_minutes(offset)?)?;
    let seconds = days.checked_mul(86_400)?.checked_add(minutes.checked_mul(60)?)?.checked_add(second)?;
    Some(Timestamp::from_secs(seconds))
}

fn offset_minutes(offset: &str) -> Option<i64> {
    if offset.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = offset.split_at_checked(1)?;
    let [hours, minutes] = numbers(rest, ':')?;
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    if sign == "-" { minutes.checked_neg() } else { Some(minutes) }
}

/// Exactly `N` numbers of digits alone.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let numbers: Option<Vec<_>> = text
        .split(separator)
        .map(|digits| digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit())))
        .collect();
    numbers?.try_into().ok()
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar. Years are counted from March, so that the leap day
/// is the last one.
fn civil(day: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let since_0000_march = day.saturating_add(719_468);
    let era = since_0000_march.div_euclid(DAYS_OF_400_YEARS);
    let of_era = since_0000_march.rem_euclid(DAYS_OF_400_YEARS);
    let leap_days = (of_era / 1460).saturating_sub(of_era / 36_524).saturating_add(of_era / 146_096);
    let year_of_era = of_era.saturating_sub(leap_days) / 365;
    let before_year =
        year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
    let of_year = of_era.saturating_sub(before_year);
    let from_march = of_year.saturating_mul(5).saturating_add(2) / 153;
    let before_month = from_march.saturating_mul(153).saturating_add(2) / 5;
    let day = of_year.saturating_sub(before_month).saturating_add(1);
    let month = if from_march < 10 { from_march.saturating_add(3) } else { from_march.saturating_sub(9) };
    let year = era.saturating_mul(400).saturating_add(year_of_era).saturating_add((month <= 2).into());
    (year, month, day)
}

/// The day since 1970-01-01 of a date, which need not exist.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year.saturating_sub((month <= 2).into());
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = if month > 2 { month.saturating_sub(3) } else { month.saturating_add(9) };
    let of_year =
        (from_march.saturating_mul(153).saturating_add(2) / 5).saturating_add(day).saturating_sub(1);
    let of_era = of_era
        .saturating_mul(365)
        .saturating_add(of_era / 4)
        .saturating_sub(of_era / 100)
        .saturating_add(of_year);
    era.saturating_mul(146_097).saturating_add(of_era).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_written_and_read() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let point = Timestamp::from_secs(seconds);
            assert_eq!(rfc3339(point), text);
            assert_eq!(parse(text), Some(point), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_read_and_what_is_no_time_is_not() {
        for (text, seconds) in [
            ("1700000000", Some(1_700_000_000)),
            ("-5", Some(-5)),
            ("2023-11-14t22:13:20.999z", Some(1_700_000_000)),
            ("2023-11-14 23:13:20+01:00", Some(1_700_000_000)),
            ("2023-11-14T17:43:20-04:30", Some(1_700_000_000)),
            ("2023-02-29T00:00:00Z", None),
            ("2023-13-01T00:00:00Z", None),
            ("2023-11-14T24:00:00Z", None),
            ("2023-11-14T22:13:20", None),
            ("2023-11-14", None),
            ("2023-11-14T22:13Z", None),
            ("+2023-11-14T22:13:20Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse(text), seconds.map(Timestamp::from_secs), "{text}");
        }
    }
}
