//! Known answers: signatures of one message by keys made for this purpose alone, which tell a host function that works from
//! one that is missing, broken, or says yes to everything.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    host::{self, HostCall},
    key::{Curve, PublicKey},
};
use crate::algorithm::{Algorithm, AlgorithmSet};

/// The message that all known answers sign.
pub(super) const MESSAGE: &[u8] = b"known answer";

/// The algorithms for which `host` passes the good signature and fails the one with a flipped bit.
pub(super) fn passed_by(host: &HostCall) -> AlgorithmSet {
    host::CANDIDATES
        .into_iter()
        .filter(|algorithm| {
            known_answer(*algorithm).is_some_and(|(key, good)| {
                let verify = |signature: &[u8]| host::verify(host, *algorithm, &key, MESSAGE, signature);
                verify(&good) == Some(true) && verify(&flipped(&good)) == Some(false)
            })
        })
        .collect()
}

/// `signature` with its lowest bit flipped.
pub(super) fn flipped(signature: &[u8]) -> Vec<u8> {
    let mut flipped = signature.to_vec();
    if let Some(last) = flipped.last_mut() {
        *last ^= 1;
    }
    flipped
}

/// The key and the signature of [`MESSAGE`] for `algorithm`; `None` for those that no host is asked for.
pub(super) fn known_answer(algorithm: Algorithm) -> Option<(PublicKey, Vec<u8>)> {
    let rsa = |signature: &str| Some((PublicKey::rsa(&decode(RSA_N)?, &[1, 0, 1]).ok()?, decode(signature)?));
    let ec = |curve, [x, y, signature]: [&str; 3]| {
        Some((PublicKey::ec(curve, &decode(x)?, &decode(y)?).ok()?, decode(signature)?))
    };
    match algorithm {
        Algorithm::Rs256 => rsa(RS256),
        Algorithm::Rs384 => rsa(RS384),
        Algorithm::Rs512 => rsa(RS512),
        Algorithm::Es256 => ec(Curve::P256, ES256),
        Algorithm::Es384 => ec(Curve::P384, ES384),
        Algorithm::Es512 => ec(Curve::P521, ES512),
        Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Ed25519 => None,
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Modulus of the RSA key; its exponent is 65537.
const RSA_N: &str = "x02WzlXOIQ5BIn0CyYL0MXpOS3vO9K10KDPHD-fH6ugQeMVhU7JIfOmQJfgUoDqoVWsOS7XVTB4qrwUrtbUapJP4FUxePWri\
     _jTyOz-KHBFMe0KU-vNdw6gZrz-NF7B35EnlLsoYptmFuYjZOP-2z3hFpi2Kl50-N7xWvVWwJDOiU0bMYQjYGkfsyGF45Kw5\
     mT1aJJif6spCRhOfIrw72BTK3hfEK5-vUNOvHpUNGHPpYCt-VdxQrQXUMHgUOz3WOB9FJuQCW1OKWhzBzgCBk17g2xXU0P1s\
     qf_A5ElsH4orlk-u0ZdWnWwWNfMp-Z_OLypQ2Wb_ilSdfbdT5Yt1HQ";

const RS256: &str = "ob9jYlUiOy3lx9551lRFzVt-eDLWyyPRV_7rDzU-2wV2EsWth98p26dYfQGakrXMcJbE-UCAXelFrM5eUEcxnN2xfncaA70u\
     8AhdidY-dlb-8eYlQeoS8J1Sp4jY76dow2-H1j6SaxMM8q0ixw4TcO9ZFU6pSS21TUELfsnZ4jzpRcZsICgApeNRLhj9Fy5n\
     9OQOgTmMQPcn4hb_OhvW1qSuTYcg3oxwDH-haAbM41zDNXRV-D90aj7y-r1JXfczMHYHde8Qr93-N5R7pBd_5B7mMjDG28lF\
     WZNafjS26WYk5mBqEkYUGetv_0TwhjyzHruC1IqQGYNnT6Pp4CRzUg";

const RS384: &str = "dNH7C6OAn4r3rm-BAJ8trrDw1urA8OqT6Z-rdldz3qx_aUzGGu9qhm-gv5NmyQLJ2uUlERadCqAQTWlGJfiqqFuxTWeQF1Wc\
     r1GslAeBVdfGdoHe5m-E3Xl9Z-VgzqpVRB4x43vTVXJhqjAVC9DATnf3OUBvi_d01ZfWYk-5ebwxOm2T9yjzETJnDOpObZaq\
     S566n2jNjMmJduOP4R-BWZ8nrtzRmXizCs_Pqf_O4-kPYW9SshuqUlqu812kpgts8RFithzXbL_vmAEMv7N7AsaYdOxNFYVm\
     Y_PLP8ozTL8uzH9hhp9a6bkJYUO26c4UDyKcZXZeHNzjEQsifmHzFg";

const RS512: &str = "as8WjDyOFvH7bWjVAjKL2gww9KBq5oaMO6w-FU3Wk_Htncef_T5mPNqaPevXezIiYxF85IdSjWsscuY4pxXH5LlUmdji7RPY\
     kmQM3od7MzzZIpheh1ZgKLjeMhWnlJg6rwa0pzET8bOFB1avFBGMxPTUmKe-c8DBpJu5WlNayDMUHtFI5N9337x2HI7f5yHT\
     haUVTRk4uHCSr_h_znfvjtaReg6wuUGLhfKKTXU4zNInZfm58XEnXTPZwgduwhBRF_gsTbqpONqMipADSFuyMC4shneayzO5\
     r-grPpLRy3WbsoNIkkcvuEeIlD3vVX7WwXjkP5prs9KM1Nvjbb047A";

/// `x`, `y` of the key, and the signature; likewise below.
const ES256: [&str; 3] = [
    "X9ciMC0rELgsFnOPP4bx2UZzzaHQGoIwPy-0lP030tQ",
    "hE1ElIci8Jj5MVGM0nh4Jwd2IhYYQIBaq3u2EEHHFO0",
    "8zM1yyqWE_TCtzOxi6gtu7J6VVgEPOQ6llwCo8AEKSdZInhQnoEb3rEA3o3Xp22j8b42zyUnSTVL6_5oGwNv-Q",
];

const ES384: [&str; 3] = [
    "DGuH6fZLUqPvASpE9RNEAIF7ekiZzbu0tRKCXe-LL2aasvjTbisbMF9efMtVAAV3",
    "8Y3VFHeoLpaCDtujOuVzKygu5wM8g34DyCoDUCuxrtOTvL6zurWCui-qVjbK8Mkt",
    "SjUNWrhDlNDIShrTf-QiH0GT_Hy1ljg86485ocQZlwjgW0Je4x7NEhDKz3HEA1U7qJnQV68K15cw8mNLneVt78vlRvAsLp9Q\
     vLwtChq5pLkRYhMkIwX5Oiti_-dSiIdW",
];

const ES512: [&str; 3] = [
    "AebrhXm0EBAS7t13cuYprKDvq38J_rUKQjaWX-IyngEBTccYuCjkWaXQLbVfSd-me-xupinOerq2e4AyW6mpuUtJ",
    "ABPbWTIDpR8je1Oc2JhwNpjh0N-Lb82znA3_src4KaYf-xQaPxueTtiHKz98S8MIIG9RJVH3wOPzHYnHn96exS4y",
    "AT4dTlicPlMCdJvD0yBz1AIgqOjt7RJAavoc9APVVZt0a_RuMOZtyH6yasXU6nbKENF517hgVhr-qF8JZkpbwKcXASfZbXSW\
     bJouz2zSDnebQvt_8dDPie-4lvOLyHt7RAx4gSV34xE13_91Nu1z8IjECV_Qfgy5nM0JPVtdXNUlSP4_",
];
