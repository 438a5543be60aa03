//! Known answers: signatures of one message by keys made for this purpose alone, which tell a host function that works from
//! one that is missing, broken, or says yes to everything.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    host::Host,
    key::{Curve, PublicKey},
};
use crate::algorithm::{Algorithm, AlgorithmSet};

/// The message that all known answers sign.
pub(super) const MESSAGE: &[u8] = b"known answer";

/// The algorithms for which `host` passes the good signature and fails the one with a flipped bit.
pub(super) fn passed_by(host: &Host) -> AlgorithmSet {
    KNOWN_ANSWERS
        .iter()
        .filter(|answer| {
            answer.decode().is_some_and(|(key, good)| {
                let verify = |signature: &[u8]| host.verify(answer.algorithm, &key, MESSAGE, signature);
                verify(&good) == Some(true) && verify(&flipped(&good)) == Some(false)
            })
        })
        .map(|answer| answer.algorithm)
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

/// A signature of [`MESSAGE`].
pub(super) struct KnownAnswer {
    /// Its algorithm: one that a host may know.
    pub(super) algorithm: Algorithm,
    key: Key,
    signature: &'static str,
}

enum Key {
    /// The RSA key of modulus [`RSA_N`] and exponent 65537.
    Rsa,
    /// A point of a curve.
    Ec { curve: Curve, x: &'static str, y: &'static str },
}

impl KnownAnswer {
    /// The key and the signature.
    pub(super) fn decode(&self) -> Option<(PublicKey, Vec<u8>)> {
        let key = match self.key {
            Key::Rsa => PublicKey::rsa(&decode(RSA_N)?, &[1, 0, 1]),
            Key::Ec { curve, x, y } => PublicKey::ec(curve, &decode(x)?, &decode(y)?),
        };
        Some((key.ok()?, decode(self.signature)?))
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

const RSA_N: &str = "x02WzlXOIQ5BIn0CyYL0MXpOS3vO9K10KDPHD-fH6ugQeMVhU7JIfOmQJfgUoDqoVWsOS7XVTB4qrwUrtbUapJP4\
    FUxePWri_jTyOz-KHBFMe0KU-vNdw6gZrz-NF7B35EnlLsoYptmFuYjZOP-2z3hFpi2Kl50-N7xWvVWwJDOiU0bM\
    YQjYGkfsyGF45Kw5mT1aJJif6spCRhOfIrw72BTK3hfEK5-vUNOvHpUNGHPpYCt-VdxQrQXUMHgUOz3WOB9FJuQC\
    W1OKWhzBzgCBk17g2xXU0P1sqf_A5ElsH4orlk-u0ZdWnWwWNfMp-Z_OLypQ2Wb_ilSdfbdT5Yt1HQ";

/// One for each algorithm that a host may know.
pub(super) const KNOWN_ANSWERS: [KnownAnswer; 6] = [
    KnownAnswer {
        algorithm: Algorithm::Rs256,
        key: Key::Rsa,
        signature: "ob9jYlUiOy3lx9551lRFzVt-eDLWyyPRV_7rDzU-2wV2EsWth98p26dYfQGakrXMcJbE-UCAXelFrM5eUEcxnN2x\
                    fncaA70u8AhdidY-dlb-8eYlQeoS8J1Sp4jY76dow2-H1j6SaxMM8q0ixw4TcO9ZFU6pSS21TUELfsnZ4jzpRcZs\
                    ICgApeNRLhj9Fy5n9OQOgTmMQPcn4hb_OhvW1qSuTYcg3oxwDH-haAbM41zDNXRV-D90aj7y-r1JXfczMHYHde8Q\
                    r93-N5R7pBd_5B7mMjDG28lFWZNafjS26WYk5mBqEkYUGetv_0TwhjyzHruC1IqQGYNnT6Pp4CRzUg",
    },
    KnownAnswer {
        algorithm: Algorithm::Rs384,
        key: Key::Rsa,
        signature: "dNH7C6OAn4r3rm-BAJ8trrDw1urA8OqT6Z-rdldz3qx_aUzGGu9qhm-gv5NmyQLJ2uUlERadCqAQTWlGJfiqqFux\
                    TWeQF1Wcr1GslAeBVdfGdoHe5m-E3Xl9Z-VgzqpVRB4x43vTVXJhqjAVC9DATnf3OUBvi_d01ZfWYk-5ebwxOm2T\
                    9yjzETJnDOpObZaqS566n2jNjMmJduOP4R-BWZ8nrtzRmXizCs_Pqf_O4-kPYW9SshuqUlqu812kpgts8RFithzX\
                    bL_vmAEMv7N7AsaYdOxNFYVmY_PLP8ozTL8uzH9hhp9a6bkJYUO26c4UDyKcZXZeHNzjEQsifmHzFg",
    },
    KnownAnswer {
        algorithm: Algorithm::Rs512,
        key: Key::Rsa,
        signature: "as8WjDyOFvH7bWjVAjKL2gww9KBq5oaMO6w-FU3Wk_Htncef_T5mPNqaPevXezIiYxF85IdSjWsscuY4pxXH5LlU\
                    mdji7RPYkmQM3od7MzzZIpheh1ZgKLjeMhWnlJg6rwa0pzET8bOFB1avFBGMxPTUmKe-c8DBpJu5WlNayDMUHtFI\
                    5N9337x2HI7f5yHThaUVTRk4uHCSr_h_znfvjtaReg6wuUGLhfKKTXU4zNInZfm58XEnXTPZwgduwhBRF_gsTbqp\
                    ONqMipADSFuyMC4shneayzO5r-grPpLRy3WbsoNIkkcvuEeIlD3vVX7WwXjkP5prs9KM1Nvjbb047A",
    },
    KnownAnswer {
        algorithm: Algorithm::Es256,
        key: Key::Ec {
            curve: Curve::P256,
            x: "X9ciMC0rELgsFnOPP4bx2UZzzaHQGoIwPy-0lP030tQ",
            y: "hE1ElIci8Jj5MVGM0nh4Jwd2IhYYQIBaq3u2EEHHFO0",
        },
        signature: "8zM1yyqWE_TCtzOxi6gtu7J6VVgEPOQ6llwCo8AEKSdZInhQnoEb3rEA3o3Xp22j8b42zyUnSTVL6_5oGwNv-Q",
    },
    KnownAnswer {
        algorithm: Algorithm::Es384,
        key: Key::Ec {
            curve: Curve::P384,
            x: "DGuH6fZLUqPvASpE9RNEAIF7ekiZzbu0tRKCXe-LL2aasvjTbisbMF9efMtVAAV3",
            y: "8Y3VFHeoLpaCDtujOuVzKygu5wM8g34DyCoDUCuxrtOTvL6zurWCui-qVjbK8Mkt",
        },
        signature: "SjUNWrhDlNDIShrTf-QiH0GT_Hy1ljg86485ocQZlwjgW0Je4x7NEhDKz3HEA1U7qJnQV68K15cw8mNLneVt78vl\
                    RvAsLp9QvLwtChq5pLkRYhMkIwX5Oiti_-dSiIdW",
    },
    KnownAnswer {
        algorithm: Algorithm::Es512,
        key: Key::Ec {
            curve: Curve::P521,
            x: "AebrhXm0EBAS7t13cuYprKDvq38J_rUKQjaWX-IyngEBTccYuCjkWaXQLbVfSd-me-xupinOerq2e4AyW6mpuUtJ",
            y: "ABPbWTIDpR8je1Oc2JhwNpjh0N-Lb82znA3_src4KaYf-xQaPxueTtiHKz98S8MIIG9RJVH3wOPzHYnHn96exS4y",
        },
        signature: "AT4dTlicPlMCdJvD0yBz1AIgqOjt7RJAavoc9APVVZt0a_RuMOZtyH6yasXU6nbKENF517hgVhr-qF8JZkpbwKcX\
                    ASfZbXSWbJouz2zSDnebQvt_8dDPie-4lvOLyHt7RAx4gSV34xE13_91Nu1z8IjECV_Qfgy5nM0JPVtdXNUlSP4_",
    },
];
