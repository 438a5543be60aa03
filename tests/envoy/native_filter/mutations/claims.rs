//! Claims that are of another type, at another bound, twice or not there.

use super::super::draft::{Mutation, Part, quoted};
use super::{member_raw, member_twice, member_without, unknown_members};
use crate::native_filter::world::AUDIENCES;

/// Numbers and what is none, for any date.
const DATES: [&str; 36] = [
    "0",
    "-0",
    "0.0",
    "0.5",
    "1",
    "-1",
    "-0.5",
    "-1e300",
    "1e5",
    "2e9",
    "4102444800.0",
    "41024448e2",
    "4.1024448E+9",
    "10000000000",
    "253402300799",
    "253402300800",
    "1900000000000",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709549568",
    "18446744073709551556",
    "18446744073709551615",
    "18446744073709551616",
    "1e19",
    "1e300",
    "1e400",
    "-1e400",
    "\"1\"",
    "\"4102444800\"",
    "\"\"",
    "null",
    "true",
    "[]",
    "[4102444800]",
    "{}",
];

/// Distances of `exp` from now at which it is clear what it means, whatever the test takes.
const EXP: [i64; 6] = [3600, 120, 1, -30, -90, -3600];
/// The same of `nbf`.
const NBF: [i64; 6] = [-3600, -120, -1, 30, 90, 3600];

pub(super) fn all() -> Vec<Mutation> {
    let claim = |name: &str, value: &str| member_raw(Part::Payload, name, value);
    let mut all = Vec::new();
    for name in ["exp", "nbf", "iat"] {
        all.push(member_without(Part::Payload, name));
        all.extend(DATES.map(|date| claim(name, date)));
    }
    all.extend(EXP.map(|offset| date("exp", offset)));
    all.extend(NBF.map(|offset| date("nbf", offset)));
    all.extend([-3600, 90, 3600].map(|offset| date("iat", offset)));
    for (nbf, exp) in [(10, 5), (30, -30), (0, 0), (5, 5), (-20, -21), (-20, -20), (600, 500)] {
        all.push(Mutation::members(
            format!("nbf = now{nbf:+}, exp = now{exp:+}"),
            Part::Payload,
            move |members, now| {
                members.set("nbf", &(now + nbf).to_string());
                members.set("exp", &(now + exp).to_string());
            },
        ));
    }
    for fraction in ["0", "5", "999999999"] {
        for (name, offset) in [("exp", 20), ("exp", -20), ("exp", -90), ("nbf", 20), ("nbf", 90)] {
            let told = format!("{name} = now{offset:+} and .{fraction}");
            all.push(Mutation::members(told, Part::Payload, move |members, now| {
                members.set(name, &format!("{}.{fraction}", now + offset));
            }));
        }
    }
    all.extend(issuers());
    all.extend(audiences());
    for name in ["sub", "jti"] {
        all.push(member_without(Part::Payload, name));
        let long = quoted(&"x".repeat(2000));
        let values =
            ["\"\"", "\"a\\u0000b\"", "1", "0", "1.5", "null", "true", "[]", "[\"somebody\"]", "{}", &long];
        all.extend(values.map(|value| claim(name, value)));
    }
    all.extend(unknown_members(Part::Payload));
    all.extend(duplicates());
    all
}

pub(super) fn date(name: &'static str, offset: i64) -> Mutation {
    Mutation::members(format!("{name} = now{offset:+}"), Part::Payload, move |members, now| {
        members.set(name, &(now + offset).to_string());
    })
}

type Rewrite = fn(&str) -> String;

fn issuers() -> Vec<Mutation> {
    let rewritten: [(&str, Rewrite); 13] = [
        ("in capitals", str::to_uppercase),
        ("with a slash", |iss| format!("{iss}/")),
        ("with a blank before", |iss| format!(" {iss}")),
        ("with a blank behind", |iss| format!("{iss} ")),
        ("with a NUL behind", |iss| format!("{iss}\0")),
        ("with the other scheme", |iss| iss.replace("https:", "HTTP:").replace("http:", "https:")),
        ("without scheme", |iss| iss.split("//").last().unwrap().to_owned()),
        ("cut", |iss| iss.strip_suffix('e').unwrap_or("").to_owned()),
        ("as a prefix", |iss| format!("{iss}.evil.example")),
        ("with user", |iss| iss.replace("//", "//user@")),
        ("with port", |iss| format!("{iss}:443")),
        ("with a query", |iss| format!("{iss}?")),
        ("with another dot", |iss| iss.replace('.', "\u{3002}")),
    ];
    let of_text =
        rewritten.map(|(name, rewrite)| issuer(format!("iss {name}"), move |iss| quoted(&rewrite(iss))));
    let escaped = issuer("iss in escapes".to_owned(), |iss| {
        let escapes: Vec<String> = iss.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        format!("\"{}\"", escapes.concat())
    });
    let slashes = issuer("iss with escaped slashes".to_owned(), |iss| quoted(iss).replace('/', "\\/"));
    let listed = issuer("iss in a list".to_owned(), |iss| format!("[{}]", quoted(iss)));
    let values = ["\"\"", "\"https://other.example\"", "null", "1", "true", "[]", "{}", "\"*\""];
    let values = values.map(|value| member_raw(Part::Payload, "iss", value));
    let absent = member_without(Part::Payload, "iss");
    of_text.into_iter().chain([escaped, slashes, listed, absent]).chain(values).collect()
}

fn issuer(name: String, rewrite: impl Fn(&str) -> String + Send + Sync + 'static) -> Mutation {
    Mutation::members(name, Part::Payload, move |members, _now| {
        let known = members.0.iter().find(|(name, _)| name == "\"iss\"");
        let iss: Option<String> = known.and_then(|(_, value)| serde_json::from_str(value).ok());
        members.set("iss", &rewrite(&iss.unwrap_or_default()));
    })
}

fn audiences() -> Vec<Mutation> {
    let [url, word] = AUDIENCES.map(quoted);
    let values = [
        word.clone(),
        format!("[{url}]"),
        format!("[{word}]"),
        format!("[\"x\",{word}]"),
        format!("[{word},\"x\"]"),
        format!("[{word},{word}]"),
        format!("[{}{word}]", "\"x\",".repeat(200)),
        format!("[{word},1]"),
        format!("[1,{word}]"),
        format!("[{word},null]"),
        format!("[null,{word}]"),
        format!("[{word},\"\"]"),
        format!("[[{word}]]"),
        format!("[{word},[]]"),
        format!("{{\"aud\":{word}}}"),
        quoted(&AUDIENCES.join(" ")),
        quoted(&AUDIENCES.join(",")),
        "[]".to_owned(),
        "[\"\"]".to_owned(),
        "\"\"".to_owned(),
        "null".to_owned(),
        "0".to_owned(),
        "true".to_owned(),
        "{}".to_owned(),
        "\"\\u006frders\"".to_owned(),
    ];
    let texts = [
        "orders/",
        "orders//",
        "/orders",
        "http://orders",
        "https://orders",
        "https://orders/",
        "HTTPS://orders",
        "https://https://orders",
        "Orders",
        "ORDERS",
        " orders",
        "orders ",
        "orders\0",
        "orders2",
        "order",
        "/",
        "//",
        "https://",
        "http://",
        "https:///",
        "https://api.example/orders/",
        "https://api.example/orders//",
        "http://api.example/orders",
        "http://api.example/orders/",
        "api.example/orders",
        "api.example/orders/",
        "//api.example/orders",
        "https://API.example/orders",
        "https://api.example",
        "https://api.example/",
        "https://api.example/orders?",
        "https://api.example:443/orders",
        "ftp://api.example/orders",
        "api://orders",
    ];
    let texts = texts.map(quoted);
    let mut all = vec![member_without(Part::Payload, "aud")];
    all.extend(values.iter().chain(&texts).map(|value| member_raw(Part::Payload, "aud", value)));
    all
}

fn duplicates() -> Vec<Mutation> {
    let mut all = Vec::new();
    let good = quoted(AUDIENCES[0]);
    for (name, other) in [
        ("exp", "1"),
        ("exp", "4102444800"),
        ("exp", "null"),
        ("nbf", "4102444800"),
        ("nbf", "1"),
        ("iss", "\"https://other.example\""),
        ("aud", "\"other\""),
        ("aud", good.as_str()),
        ("sub", "\"admin\""),
    ] {
        all.push(member_twice(Part::Payload, name, other, true));
        all.push(member_twice(Part::Payload, name, other, false));
    }
    for value in [
        "{\"a\":1,\"a\":2}",
        "[{\"a\":1,\"a\":1}]",
        "{\"a\":{\"b\":1,\"b\":null}}",
        "{\"a\":1,\"\\u0061\":2}",
    ] {
        all.push(member_raw(Part::Payload, "nested", value));
    }
    all.push(Mutation::members("role twice", Part::Payload, |members, _now| {
        for role in ["\"user\"", "\"admin\""] {
            members.0.push(("\"role\"".to_owned(), role.to_owned()));
        }
    }));
    // The first member is what most readers see, the second is spelled in another way.
    all.push(Mutation::members("exp twice, once in escapes", Part::Payload, |members, _now| {
        members.0.push(("\"\\u0065xp\"".to_owned(), "1".to_owned()));
    }));
    all
}
