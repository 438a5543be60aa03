//! Values in order, each once.

/// These values in order, each once. For the few that a configuration names: every type that `sort` is used with costs the
/// module six kilobytes, and this a few hundred bytes.
pub(crate) fn ordered<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut ordered = Vec::new();
    for value in values {
        if let Err(place) = ordered.binary_search(&value) {
            ordered.insert(place, value);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::ordered;

    #[test]
    fn values_come_in_order_and_once() {
        assert_eq!(ordered([3, 1, 2, 3, 1]), [1, 2, 3]);
        assert_eq!(ordered(["PUT", "GET", "PUT"]), ["GET", "PUT"]);
        assert!(ordered(Vec::<u8>::new()).is_empty());
    }
}
