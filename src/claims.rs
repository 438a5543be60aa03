//! Claims of a token (RFC 7519 §4): those with a meaning of their own are checked for their type once, when they are parsed.

use std::fmt;

use crate::{
    json::{Json, Object},
    rejection::Malformed,
    time::Timestamp,
};

/// The last second of the year 9999: dates beyond it are nobody's.
const MAX_NUMERIC_DATE: i64 = 253_402_300_799;

/// The claims of one token.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims<'t> {
    members: Object<'t>,
    exp: Option<Timestamp>,
    nbf: Option<Timestamp>,
}

impl<'t> Claims<'t> {
    /// Takes the members of a payload; fails when `iss`, `aud`, `exp`, `nbf` or `iat` is there with a type that it cannot
    /// have (RFC 7519 §4.1).
    pub fn parse(members: Object<'t>) -> Result<Self, Malformed> {
        let exp = numeric_date(&members, "exp")?;
        let nbf = numeric_date(&members, "nbf")?;
        numeric_date(&members, "iat")?;
        if members.get("iss").is_some_and(|issuer| issuer.as_str().is_none()) {
            return Err(Malformed::MemberType { member: "iss", expected: "a string" });
        }
        let audience_is_well_formed = match members.get("aud") {
            None | Some(Json::String(_)) => true,
            Some(Json::Array(audiences)) => audiences.iter().all(|audience| audience.as_str().is_some()),
            Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) => false,
        };
        if !audience_is_well_formed {
            return Err(Malformed::MemberType { member: "aud", expected: "a string or a list of strings" });
        }
        Ok(Self { members, exp, nbf })
    }

    /// The claim `name`; names are literal and case-sensitive.
    pub fn get(&self, name: &str) -> Option<&Json<'t>> {
        self.members.get(name)
    }

    /// The claim `name`, when it is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Json::as_str)
    }

    /// `iss` (RFC 7519 §4.1.1).
    pub fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// `tid`: the Entra tenant, a GUID in lower case or not.
    pub fn tenant(&self) -> Option<&str> {
        self.text("tid")
    }

    /// `aud`, one or many (RFC 7519 §4.1.3).
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self.get("aud") {
            Some(Json::Array(audiences)) => (None, audiences.as_slice()),
            other => (other, [].as_slice()),
        };
        one.into_iter().chain(many).filter_map(Json::as_str)
    }

    /// `exp` (RFC 7519 §4.1.4).
    pub fn expires(&self) -> Option<Timestamp> {
        self.exp
    }

    /// `nbf` (RFC 7519 §4.1.5).
    pub fn not_before(&self) -> Option<Timestamp> {
        self.nbf
    }
}

impl fmt::Debug for Claims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(…)")
    }
}

fn numeric_date(members: &Object<'_>, member: &'static str) -> Result<Option<Timestamp>, Malformed> {
    let date = match members.get(member) {
        None => return Ok(None),
        Some(Json::Number(digits)) => parse_numeric_date(digits),
        Some(Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_)) => None,
    };
    date.map(Some).ok_or(Malformed::MemberType { member, expected: "a number of seconds" })
}

/// Seconds since the epoch, fractions allowed (RFC 7519 §2 `NumericDate`), down to the millisecond. Decimal as it is written:
/// the standard library's way over floating point rounds, and is 16 KB of code and tables.
fn parse_numeric_date(number: &str) -> Option<Timestamp> {
    if let Ok(seconds) = number.parse::<u32>() {
        return Some(Timestamp::from_secs(seconds.into()));
    }
    let (is_negative, number) = number.strip_prefix('-').map_or((false, number), |number| (true, number));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // How many of the digits stand before the point when milliseconds are counted.
    let before_point = i64::try_from(whole.len()).ok()?.checked_add(exponent.parse::<i32>().ok()?.into())?;
    let before_point = before_point.checked_add(3)?;
    let (mut milliseconds, mut is_more) = (0_i64, false);
    let mut position = 0_i64;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let digit = digit.wrapping_sub(b'0');
        if position < before_point {
            milliseconds = milliseconds.checked_mul(10)?.checked_add(digit.into())?;
        } else {
            is_more |= digit != 0;
        }
        position = position.checked_add(1)?;
    }
    while position < before_point && milliseconds != 0 {
        milliseconds = milliseconds.checked_mul(10)?;
        position = position.checked_add(1)?;
    }
    if is_negative {
        // Down, as for positive ones.
        milliseconds = milliseconds.checked_neg()?.checked_sub(is_more.into())?;
    }
    let last = MAX_NUMERIC_DATE.checked_mul(1000)?;
    (last.checked_neg()?..=last).contains(&milliseconds).then(|| Timestamp::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Claims<'_>, Malformed> {
        Claims::parse(Json::parse(text.as_bytes()).unwrap().into_object().unwrap())
    }

    #[test]
    fn dates_are_numbers_within_reason() {
        let cases = [
            ("1", Some(1_000)),
            ("0", Some(0)),
            ("-1", Some(-1_000)),
            ("1.5", Some(1_500)),
            ("1.75e3", Some(1_750_000)),
            ("1.7500019E+3", Some(1_750_001)),
            ("17500e-1", Some(1_750_000)),
            ("0.0009", Some(0)),
            ("-0.0009", Some(-1)),
            ("-1.0009", Some(-1_001)),
            ("-0", Some(0)),
            ("0e2147483647", Some(0)),
            ("1e2147483647", None),
            ("1e2147483648", None),
            ("1e-2147483648", Some(0)),
            ("1700000000.123456789012345678901234567890", Some(1_700_000_000_123)),
            ("0.000000000000000000000000000001e30", Some(1_000)),
            ("253402300799.000", Some(253_402_300_799_000)),
            ("253402300799.001", None),
            ("253402300799", Some(253_402_300_799_000)),
            ("253402300800", None),
            ("-253402300800", None),
            ("9223372036854775808", None),
            ("-9223372036854775808", None),
            ("1e308", None),
            ("1e400", None),
            ("\"1\"", None),
            ("null", None),
            ("true", None),
            ("[1]", None),
        ];
        for (exp, expected) in cases {
            let text = format!(r#"{{"exp":{exp}}}"#);
            let parsed = parse(&text);
            match expected {
                Some(millis) => {
                    assert_eq!(parsed.unwrap().expires(), Some(Timestamp::from_millis(millis)), "{exp}");
                }
                None => assert_eq!(
                    parsed,
                    Err(Malformed::MemberType { member: "exp", expected: "a number of seconds" }),
                    "{exp}"
                ),
            }
        }
        for member in ["nbf", "iat"] {
            assert_eq!(
                parse(&format!(r#"{{"{member}":"1"}}"#)),
                Err(Malformed::MemberType { member, expected: "a number of seconds" })
            );
        }
    }

    #[test]
    fn audience_is_one_or_many_strings() {
        let audiences =
            |text| parse(text).map(|claims| claims.audiences().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(audiences(r#"{"aud":"a"}"#), Ok(vec!["a".to_owned()]));
        assert_eq!(audiences(r#"{"aud":["a","b"]}"#), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(audiences(r#"{"aud":[]}"#), Ok(vec![]));
        assert_eq!(audiences("{}"), Ok(vec![]));
        let fault = Err(Malformed::MemberType { member: "aud", expected: "a string or a list of strings" });
        for text in [r#"{"aud":1}"#, r#"{"aud":["a",1]}"#, r#"{"aud":null}"#, r#"{"aud":{}}"#] {
            assert_eq!(audiences(text), fault, "{text}");
        }
    }

    #[test]
    fn issuer_is_a_string() {
        assert_eq!(parse(r#"{"iss":"a"}"#).unwrap().issuer(), Some("a"));
        assert_eq!(
            parse(r#"{"iss":["a"]}"#),
            Err(Malformed::MemberType { member: "iss", expected: "a string" })
        );
    }

    /// Exact, by whole numbers of many digits: the floor of the milliseconds.
    fn exact(number: &str) -> Option<i64> {
        let (negative, rest) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let exponent: i64 = exponent.parse().ok()?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let digits = if negative { -digits } else { digits };
        let shift = exponent + 3 - i64::try_from(fraction.len()).unwrap();
        let millis = if shift >= 0 {
            if digits == 0 {
                0
            } else {
                digits.checked_mul(10_i128.checked_pow(u32::try_from(shift).ok()?)?)?
            }
        } else {
            let below = u32::try_from(-shift).ok()?;
            10_i128.checked_pow(below).map_or(if digits < 0 { -1 } else { 0 }, |by| digits.div_euclid(by))
        };
        (-253_402_300_799_000..=253_402_300_799_000).contains(&millis).then(|| i64::try_from(millis).unwrap())
    }

    #[test]
    fn dates_are_exact() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 16).unwrap() % below
        };
        for _ in 0..400_000 {
            let mut number = if random(3) == 0 { "-".to_owned() } else { String::new() };
            let length = random(14);
            if length == 0 {
                number.push('0');
            } else {
                number += &(random(9) + 1).to_string();
                (1..length).for_each(|_| number += &random(10).to_string());
            }
            if random(2) == 0 {
                number.push('.');
                (0..=random(8)).for_each(|_| number += &random(10).to_string());
            }
            if random(2) == 0 {
                number += ["e", "E", "e+", "e-", "E-"][random(5)];
                number += &random(16).to_string();
            }
            let text = format!(r#"{{"exp":{number}}}"#);
            let parsed = parse(&text).ok().and_then(|claims| claims.expires());
            assert_eq!(parsed, exact(&number).map(Timestamp::from_millis), "{number}");
        }
    }
}
