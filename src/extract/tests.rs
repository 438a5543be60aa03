use super::*;

fn extract(source: &TokenSource, headers: &[(&str, &str)]) -> Result<String, Rejection> {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into())).collect();
    let token = source.extract(RequestHead::new(&headers))?;
    Ok(String::from_utf8(token.into_owned()).unwrap())
}

const NOTHING: Rejection = Rejection::NotPresent(Absence::Nothing);
const EMPTY: Rejection = Rejection::NotPresent(Absence::Empty);
const SCHEME: Rejection = Rejection::NotPresent(Absence::Scheme);
const SEVERAL: Rejection = Rejection::Malformed(Malformed::SeveralTokens);

#[test]
fn authorization_without_required_scheme() {
    let source = TokenSource::Authorization { require_scheme: None };
    let cases: &[(&str, Result<&str, Rejection>)] = &[
        ("Bearer a.b.c", Ok("a.b.c")),
        ("bearer a.b.c", Ok("a.b.c")),
        ("BEARER \t a.b.c \t", Ok("a.b.c")),
        ("a.b.c", Ok("a.b.c")),
        ("Bearer", Err(EMPTY)),
        ("bearer \t", Err(EMPTY)),
        ("", Err(NOTHING)),
        (" \t", Err(NOTHING)),
        ("Basic dXNlcg==", Err(SCHEME)),
        ("Bearer a, Bearer b", Err(SEVERAL)),
        ("Bearer a.b.c,", Err(SEVERAL)),
        // What is wrong with these is found when the token is parsed.
        ("Bearer a b", Ok("a b")),
        ("Bearer Bearer a", Ok("Bearer a")),
        ("Bearer\u{a0}a", Ok("Bearer\u{a0}a")),
    ];
    for (value, expected) in cases {
        let expected = expected.clone().map(str::to_owned);
        assert_eq!(extract(&source, &[("authorization", value)]), expected, "{value}");
    }
    assert_eq!(extract(&source, &[("x", "a")]), Err(NOTHING));
    assert_eq!(extract(&source, &[("authorization", "Bearer a"), ("authorization", "")]), Err(SEVERAL));
}

#[test]
fn authorization_with_required_scheme() {
    let source = TokenSource::Authorization { require_scheme: Some("Token".into()) };
    for (value, expected) in [
        ("token a.b.c", Ok("a.b.c")),
        ("Token  a.b.c", Ok("a.b.c")),
        ("Bearer a.b.c", Err(SCHEME)),
        ("a.b.c", Err(SCHEME)),
        ("Token", Err(EMPTY)),
        ("token ", Err(EMPTY)),
        ("Bearer", Err(SCHEME)),
        (" ", Err(NOTHING)),
        ("", Err(NOTHING)),
        ("Tokena.b.c", Err(SCHEME)),
    ] {
        assert_eq!(extract(&source, &[("Authorization", value)]), expected.map(str::to_owned), "{value}");
    }
}

#[test]
fn another_header_holds_the_bare_token() {
    let source = TokenSource::Header { name: "x-token".into() };
    assert_eq!(extract(&source, &[("X-Token", " a.b.c ")]), Ok("a.b.c".into()));
    assert_eq!(
        extract(&source, &[("x-token", "Bearer a.b.c")]),
        Ok("Bearer a.b.c".into()),
        "no prefix is taken off"
    );
    assert_eq!(extract(&source, &[("x-token", "a"), ("x-token", "a")]), Err(SEVERAL));
    assert_eq!(extract(&source, &[("authorization", "Bearer a.b.c")]), Err(NOTHING));
}

#[test]
fn query_names_compare_after_decoding_and_values_decode_once() {
    let source = TokenSource::Query { name: "access_token".into() };
    for (path, expected) in [
        ("/?access_token=a.b.c", Ok("a.b.c")),
        ("/?x=1&access%5Ftoken=a%2eb.c&y=2", Ok("a.b.c")),
        ("/?access_token=a%252eb", Ok("a%2eb")),
        ("/?access_token=a+b", Ok("a+b")),
        ("/?access_token=a%2", Ok("a%2")),
        ("/?access_token=a%zz", Ok("a%zz")),
        ("/?access_token=a=b", Ok("a=b")),
        ("/?access_token=", Err(NOTHING)),
        ("/?access_token", Err(NOTHING)),
        ("/?Access_Token=a", Err(NOTHING)),
        ("/#?access_token=a", Err(NOTHING)),
        ("/", Err(NOTHING)),
        ("/?access_token=a&access_token=b", Err(SEVERAL)),
        ("/?access_token=a&access%5ftoken=b", Err(SEVERAL)),
    ] {
        assert_eq!(extract(&source, &[(":path", path)]), expected.map(str::to_owned), "{path}");
    }
}

#[test]
fn a_cookie_holds_the_bare_token() {
    let source = TokenSource::Cookie { name: "access_token".into() };
    for (cookies, expected) in [
        (&["access_token=a.b.c"][..], Ok("a.b.c")),
        (&["x=1; access_token=a.b.c; y=2"], Ok("a.b.c")),
        (&["x=1;access_token= \ta.b.c\t "], Ok("a.b.c")),
        (&["x=1", "access_token=a.b.c"], Ok("a.b.c")),
        (&["access_token=\"a.b.c\""], Ok("\"a.b.c\"")),
        (&["access_token=a%2eb"], Ok("a%2eb")),
        (&["access_token=a=b"], Ok("a=b")),
        (&["access_token=Bearer a"], Ok("Bearer a")),
        (&["x=access_token=a"], Err(NOTHING)),
        (&["Access_Token=a"], Err(NOTHING)),
        (&["access%5Ftoken=a"], Err(NOTHING)),
        (&["access_token="], Err(NOTHING)),
        (&["access_token"], Err(NOTHING)),
        (&["access_token= "], Err(NOTHING)),
        (&[""], Err(NOTHING)),
        (&[], Err(NOTHING)),
        (&["access_token=a; access_token=a"], Err(SEVERAL)),
        (&["access_token=a", "access_token=b"], Err(SEVERAL)),
        (&["access_token=a; access_token="], Err(SEVERAL)),
    ] {
        let headers: Vec<_> = cookies.iter().map(|value| ("Cookie", *value)).collect();
        assert_eq!(extract(&source, &headers), expected.map(str::to_owned), "{cookies:?}");
    }
}

#[test]
fn a_property_holds_the_bare_token() {
    let source = TokenSource::Property { path: vec!["filter_state".into(), "token".into()] };
    let extract = |value: Option<&'static [u8]>| {
        let properties = move |path: &[String]| {
            assert_eq!(path, ["filter_state", "token"]);
            value.map(<[u8]>::to_vec)
        };
        source.extract(RequestHead::new(&[]).with_properties(&properties)).map(Cow::into_owned)
    };
    assert_eq!(extract(Some(b" a.b.c\t")), Ok(b"a.b.c".to_vec()));
    assert_eq!(extract(Some(b"\xff")), Ok(b"\xff".to_vec()));
    assert_eq!(extract(Some(b"")), Err(NOTHING));
    assert_eq!(extract(Some(b" ")), Err(NOTHING));
    assert_eq!(extract(None), Err(NOTHING));
    assert_eq!(source.extract(RequestHead::new(&[])), Err(NOTHING), "a proxy without properties");
}
