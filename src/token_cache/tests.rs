use super::*;
use crate::edit::Edit;

const BYTES: usize = 100_000;

fn question(text: &[u8]) -> Question<'_> {
    Question { policy: 0, text, host: None, epoch: 1 }
}

/// With an admission that tells it apart.
fn remembered(mark: &str) -> Remembered {
    Remembered {
        lifetime: Lifetime { exp: None, nbf: None },
        usable_until: None,
        admission: Admission { edits: vec![Edit::Remove(mark.to_owned())], variables: Vec::new() },
    }
}

fn found(cache: &TokenCache, question: Question<'_>) -> Option<Admission> {
    cache.find(question, |_| true)
}

/// A text of the length of a token, which ends in the number.
fn text(number: usize) -> Vec<u8> {
    format!("{number:01200}").into_bytes()
}

#[test]
fn a_token_is_found_under_its_own_question_alone() {
    let cache = TokenCache::new(BYTES);
    let own = Question { host: Some("a"), ..question(b"header.payload.0123456789abcdef") };
    assert_eq!(found(&cache, own), None);
    cache.remember(own, remembered("own"));
    assert_eq!(found(&cache, own), Some(remembered("own").admission));
    for other in [
        Question { policy: 1, ..own },
        Question { host: Some("b"), ..own },
        Question { host: None, ..own },
        Question { epoch: 2, ..own },
        // The same end.
        Question { text: b"Header.payload.0123456789abcdef", ..own },
        Question { text: b"header.payloae.0123456789abcdef", ..own },
        Question { text: b"x.header.payload.0123456789abcdef", ..own },
        Question { text: b"0123456789abcdef", ..own },
        Question { text: b"", ..own },
    ] {
        assert_eq!(found(&cache, other), None, "{other:?}");
    }
    assert_eq!(cache.find(own, |_| false), None, "no longer good");
    assert_eq!(found(&cache, own), Some(remembered("own").admission));
}

#[test]
fn texts_are_compared_to_the_last_byte() {
    for length in 0..40 {
        let one: Vec<u8> = (0..length).collect();
        assert!(is_same(&one, &one));
        for at in 0..one.len() {
            let mut other = one.clone();
            other[at] ^= 0x80;
            assert!(!is_same(&one, &other), "{length} {at}");
        }
        assert!(!is_same(&one, &[&one[..], &[0]].concat()));
    }
}

#[test]
fn a_newer_answer_takes_the_place_of_an_older_one() {
    let cache = TokenCache::new(BYTES);
    let own = text(1);
    cache.remember(question(&own), remembered("old"));
    let bytes = cache.bytes();
    cache.remember(Question { epoch: 2, ..question(&own) }, remembered("new"));
    assert_eq!(cache.bytes(), bytes);
    assert_eq!(found(&cache, question(&own)), None);
    let new = found(&cache, Question { epoch: 2, ..question(&own) });
    assert_eq!(new, Some(remembered("new").admission));
}

#[test]
fn its_bytes_are_bounded_and_what_is_used_stays() {
    let cache = TokenCache::new(BYTES);
    let used = text(0);
    cache.remember(question(&used), remembered("used"));
    for number in 1..10_000 {
        cache.remember(question(&text(number)), remembered("passing"));
        assert!(cache.bytes() <= BYTES, "{number}: {}", cache.bytes());
        assert!(found(&cache, question(&used)).is_some(), "{number}");
    }
    assert!(cache.bytes() > BYTES / 2);
    assert!(found(&cache, question(&text(9_999))).is_some());
    assert_eq!(found(&cache, question(&text(1))), None);
}

#[test]
fn the_bytes_are_those_of_the_entries() {
    let cache = TokenCache::new(BYTES);
    for number in 0..1_000 {
        cache.remember(question(&text(number % 50)), remembered("some"));
        found(&cache, question(&text(number % 7)));
    }
    let halves = cache.halves.borrow();
    for half in [&halves.young, &halves.old] {
        assert_eq!(half.bytes, half.entries.values().map(Entry::bytes).sum::<usize>());
    }
}

#[test]
fn nothing_is_kept_in_no_bytes_and_nothing_that_would_take_up_most_of_them() {
    let cache = TokenCache::new(0);
    cache.remember(question(b"token"), remembered(""));
    assert_eq!((found(&cache, question(b"token")), cache.bytes()), (None, 0));

    let cache = TokenCache::new(BYTES);
    let largest = BYTES / 8 - OVERHEAD;
    let (fits, exceeds) = (vec![b'a'; largest], vec![b'b'; largest + 1]);
    cache.remember(question(&fits), remembered(""));
    cache.remember(question(&exceeds), remembered(""));
    assert!(found(&cache, question(&fits)).is_some());
    assert_eq!(found(&cache, question(&exceeds)), None);
}

#[test]
fn what_an_admission_holds_counts() {
    let large = |mark: &str| Remembered {
        admission: Admission {
            edits: vec![Edit::Set("name".into(), vec![0; 4_000])],
            variables: vec![(mark.to_owned(), vec![0; 4_000])],
        },
        ..remembered("")
    };
    let cache = TokenCache::new(BYTES);
    for number in 0..100 {
        cache.remember(question(&text(number)), large("variable"));
        assert!(cache.bytes() <= BYTES);
    }
    let halves = cache.halves.borrow();
    let kept = halves.young.entries.len() + halves.old.entries.len();
    assert!(kept <= BYTES / 8_000, "{kept}");
}

#[test]
fn debug_shows_no_token() {
    let cache = TokenCache::new(BYTES);
    cache.remember(question(b"secret"), remembered("secret"));
    assert_eq!(format!("{cache:?}"), "TokenCache { bytes: 268, .. }");
}
