//! Names of functions, as a backtrace shows them.

use rustc_demangle::demangle;

/// How names of the filter's functions begin.
const OWN: &str = "validate_jwt::";

/// A symbol of Rust's as a person writes the function, without the hash that tells instances apart. The filter's own functions
/// stand with their modules; of others' the last two parts of the path are left, and of types and traits between `<` and `>` the
/// last one. What is no symbol of Rust's stays as it is.
pub(crate) fn readable(symbol: &str) -> String {
    let full = format!("{:#}", demangle(symbol));
    let mut name = String::with_capacity(full.len());
    // Where the path begins that is being written, and those around it.
    let mut path = 0;
    let mut around = Vec::new();
    let mut characters = full.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            ':' if characters.next_if_eq(&':').is_some() => {
                if around.is_empty() {
                    name.push_str("::");
                } else {
                    name.truncate(path);
                }
            }
            '<' => {
                around.push(path);
                name.push(character);
                path = name.len();
            }
            '>' => {
                name.push(character);
                path = around.pop().unwrap_or_default();
            }
            _ => {
                name.push(character);
                if !character.is_alphanumeric() && character != '_' {
                    path = name.len();
                }
            }
        }
    }
    if name.starts_with(OWN) { name } else { last_two(&name).to_owned() }
}

/// The last two parts of a path; what stands between `<` and `>` is one.
fn last_two(name: &str) -> &str {
    let (mut depth, mut parts) = (0_u32, 0_u32);
    for (place, character) in name.char_indices().rev() {
        match character {
            '>' => depth = depth.saturating_add(1),
            '<' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && name.get(..place).is_some_and(|before| before.ends_with(':')) => {
                parts = parts.saturating_add(1);
                if parts == 2 {
                    return name.get(place.saturating_add(1)..).unwrap_or(name);
                }
            }
            _ => {}
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn names_are_those_of_the_source() {
        let cases = [
            // Rust's earlier mangling, which is this compiler's, and the later, which is the standard library's.
            (
                "_ZN12validate_jwt6search6Search7try_all17h83ea241209a0e8f5E",
                "validate_jwt::search::Search::try_all",
            ),
            ("_RNvNtCset5xJoy1xWQ_3std9panicking15panic_with_hook", "panicking::panic_with_hook"),
            (
                "_ZN74_$LT$p384..arithmetic..scalar..Scalar$u20$as$u20$core..ops..arith..Mul$GT$3mul17hbea252493e72e8adE",
                "<Scalar as Mul>::mul",
            ),
            (
                "_ZN106_$LT$core..iter..adapters..GenericShunt$LT$I$C$R$GT$$u20$as$u20$core..iter..traits..iterator..\
                 Iterator$GT$4next17h4b53639a71b26a59E",
                "<GenericShunt<I,R> as Iterator>::next",
            ),
            (
                "_ZN4core3ptr49drop_in_place$LT$validate_jwt..policy..Policy$GT$17h83ea241209a0e8f5E",
                "ptr::drop_in_place<Policy>",
            ),
            ("proxy_on_tick", "proxy_on_tick"),
            ("", ""),
        ];
        for (symbol, expected) in cases {
            assert_eq!(readable(symbol), expected, "{symbol}");
        }
    }
}
