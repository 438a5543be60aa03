//! How the token travels: schemes, blanks, company, several header lines.

use super::super::draft::{Bytes, Mutation};

/// `%` is the token.
const VALUES: [&str; 74] = [
    "bearer %",
    "BEARER %",
    "bEARER %",
    "Bearer: %",
    "Bearer=%",
    "Bearer",
    "Bearer ",
    "Bearer%",
    "Bearer  %",
    "Bearer   \t %",
    "Bearer\t%",
    "Bearer\t %",
    "Bearer \t%",
    " Bearer %",
    "\tBearer %",
    "Bearer % ",
    "Bearer %\t",
    "%",
    "",
    " ",
    "JWT %",
    "Token %",
    "Basic %",
    "Basic Bearer %",
    "DPoP %",
    "Negotiate x, Bearer %",
    "xBearer %",
    "x Bearer %",
    "BearerBearer %",
    "Bearer Bearer %",
    "Bearer bearer %",
    "bearer Bearer %",
    "Bearer token=%",
    "Bearer token=\"%\"",
    "Bearer \"%\"",
    "Bearer '%'",
    "Bearer \"%",
    "Bearer %\"",
    "Bearer <%>",
    "Bearer (%)",
    "Bearer ,%",
    "Bearer ,,, %",
    "Bearer %,",
    "Bearer %;",
    "Bearer % x",
    "Bearer %x",
    "Bearer x%",
    "Bearer x %",
    "Bearer % %",
    "Bearer %,%",
    "Bearer %, Bearer %",
    "Bearer %,Bearer x",
    "Bearer x, Bearer %",
    "Bearer %?",
    "Bearer %#",
    "Bearer %%",
    "Bearer =%",
    "Bearer ==%",
    "Bearer %=",
    "Bearer %==",
    "Bearer +%",
    "Bearer /%",
    "Bearer :%",
    "Bearer !@$^&*(%",
    "Bearer \u{a0}%",
    "B\u{00e9}arer %",
    "Bearer realm=\"x\", %",
    "Bearer error=x Bearer %",
    "Bearer .%",
    "Bearer %.",
    "Bearer x.y.z Bearer %",
    "Bearer % Bearer x.y.z",
    "Bearer % Bearer %",
    "Bearer\u{b}%",
];

pub(super) fn all() -> Vec<Mutation> {
    let one = VALUES.map(|form| {
        Mutation::carried(format!("Authorization: {}", form.escape_debug()), move |token| {
            vec![fill(form, &token)]
        })
    });
    let several: [(&str, &[&str]); 12] = [
        ("no Authorization", &[]),
        ("two lines", &["Bearer %", "Bearer %"]),
        ("a bad line behind", &["Bearer %", "Bearer x"]),
        ("a bad line before", &["Bearer x", "Bearer %"]),
        ("another scheme behind", &["Bearer %", "Basic eDp5"]),
        ("another scheme before", &["Basic eDp5", "Bearer %"]),
        ("an empty line behind", &["Bearer %", ""]),
        ("an empty line before", &["", "Bearer %"]),
        ("two empty lines", &["", ""]),
        ("three lines", &["Bearer %", "Bearer %", "Bearer %"]),
        ("cut in two lines", &["Bearer", "%"]),
        ("small letters behind", &["Bearer %", "bearer %"]),
    ];
    let several = several.map(|(name, forms)| {
        Mutation::carried(name, move |token| forms.iter().map(|form| fill(form, &token)).collect())
    });
    one.into_iter().chain(several).collect()
}

fn fill(form: &str, token: &[u8]) -> Bytes {
    form.split('%').map(str::as_bytes).collect::<Vec<_>>().join(token)
}
