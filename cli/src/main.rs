//! The command line companion of the validate-jwt filter.

fn main() {}
