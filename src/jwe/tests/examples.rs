//! The examples of RFC 7516 and RFC 7520.

use base64::engine::general_purpose::STANDARD;
use rsa::{BigUint, RsaPrivateKey, pkcs1::EncodeRsaPrivateKey};

use super::*;

/// RFC 7516 §A.1.3.
const A1_KEY: RsaJwk = RsaJwk {
    n: "\
        oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI\
        1DgjT9LewND8MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72Uw\
        xrrKoExv6kc5twXTq4h-QChLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2\
        djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw\
    ",
    d: "\
        kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpw\
        R_M9gV8n9Hrh2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfC\
        s6_LehBwtxHIyh8Ripy40p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VS\
        ndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ\
    ",
    p: "\
        1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPj\
        Xv_hI2_1eTSPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0\
    ",
    q: "\
        wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew00J28cRUo\
        eBB_jKI1oma0Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc\
    ",
};

/// RFC 7516 §A.1.7: RSA-OAEP and A256GCM.
const A1: &str = "\
    eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckC\
    L9kiMT03JGeipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da1\
    4B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0\
    je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6U\
    S04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A.XFBoMYUZ\
    odetZdvTiFvSkQ\
";

/// RFC 7516 §A.2.3.
const A2_KEY: RsaJwk = RsaJwk {
    n: "\
        sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC\
        5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4gs_7svlJJQ4H9_NxsiIoL\
        wAEk7-Q3UXERGYw_75IDrGA84-lA_-Ct4eTlXHBIY2EaV7t7LjJaynVJCpkv4LKjTTAumiGUIuQhrNhZLuF_RJLqHpM2kgWF\
        LU7-VTdL1VbC2tejvcI2BlMkEpk1BzBZI0KQB0GaDWFLN-aEAw3vRw\
    ",
    d: "\
        VFCWOqXr8nvZNyaaJLXdnNPXZKRaWCjkU5Q2egQQpTBMwhprMzWzpR8Sxq1OPThh_J6MUD8Z35wky9b8eEO0pwNS8xlh1lOF\
        RRBoNqDIKVOku0aZb-rynq8cxjDTLZQ6Fz7jSjR1Klop-YKaUHc9GsEofQqYruPhzSA-QgajZGPbE_0ZaVDJHfyd7UUBUKun\
        FMScbflYAAOYJqVIVwaYR5zWEEceUjNnTNo_CVSj-VvXLO5VZfCUAVLgW4dpf1SrtZjSt34YLsRarSb127reG_DUwg9Ch-Ky\
        vjT1SkHgUWRVGcyly7uvVGRSDwsXypdrNinPA4jlhoNdizK2zF2CWQ\
    ",
    p: "\
        9gY2w6I6S6L0juEKsbeDAwpd9WMfgqFoeA9vEyEUuk4kLwBKcoe1x4HG68ik918hdDSE9vDQSccA3xXHOAFOPJ8R9EeIAbTi\
        1VwBYnbTp87X-xcPWlEPkrdoUKW60tgs1aNd_Nnc9LEVVPMS390zbFxt8TN_biaBgelNgbC95sM\
    ",
    q: "\
        uKlCKvKv_ZJMVcdIs5vVSU_6cPtYI1ljWytExV_skstvRSNi9r66jdd9-yBhVfuG4shsp2j7rGnIio901RBeHo6TPKWVVykP\
        u1iYhQXw1jIABfw-MVsN-3bQ76WLdt2SDxsHs7q7zPyUyHXmps7ycZ5c72wGkUwNOjYelmkiNS0\
    ",
};

/// RFC 7516 §A.2.7: `RSA1_5` and A128CBC-HS256.
const A2: &str = "\
    eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.UGhIOguC7IuEvf_NPVaXsGMoLOmwvc1GyqlIKOK1nN94nHPo\
    ltGRhWhw7Zx0-kFm1NJn8LE9XShH59_i8J0PH5ZZyNfGy2xGdULU7sHNF6Gp2vPLgNZ__deLKxGHZ7PcHALUzoOegEI-8E66jX2E\
    4zyJKx-YxzZIItRzC5hlRirb6Y5Cl_p-ko3YvkkysZIFNPccxRU7qve1WYPxqbb2Yw8kZqa2rMWI5ng8OtvzlV7elprCbuPhcCdZ\
    6XDP0_F8rkXds2vE4X-ncOIM8hAYHHi29NX0mcKiRaD0-D-ljQTP-cFPgwCp6X-nZZd9OHBv-B3oWh2TbqmScqXMR4gp_A.AxY8D\
    CtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.9hH0vgRfYgPnAHOd8stkvw\
";

/// RFC 7520 §5.2.1, of 4096 bits.
const C2_KEY: RsaJwk = RsaJwk {
    n: "\
        wbdxI55VaanZXPY29Lg5hdmv2XhvqAhoxUkanfzf2-5zVUxa6prHRrI4pP1AhoqJRlZfYtWWd5mmHRG2pAHIlh0ySJ9wi0Bi\
        oZBl1XP2e-C-FyXJGcTy0HdKQWlrfhTm42EW7Vv04r4gfao6uxjLGwfpGrZLarohiWCPnkNrg71S2CuNZSQBIPGjXfkmIy2t\
        l_VWgGnL22GplyXj5YlBLdxXp3XeStsqo571utNfoUTU8E4qdzJ3U1DItoVkPGsMwlmmnJiwA7sXRItBCivR4M5qnZtdw-7v\
        4WuR4779ubDuJ5nalMv2S66-RPcnFAzWSKxtBDnFJJDGIUe7Tzizjg1nms0Xq_yPub_UOlWn0ec85FCft1hACpWG8schrOBe\
        NqHBODFskYpUc2LC5JA2TaPF2dA67dg1TTsC_FupfQ2kNGcE1LgprxKHcVWYQb86B-HozjHZcqtauBzFNV5tbTuB-TpkcvJf\
        NcFLlH3b8mb-H_ox35FjqBSAjLKyoeqfKTpVjvXhd09knwgJf6VKq6UC418_TOljMVfFTWXUxlnfhOOnzW6HSSzD1c9WrCuV\
        zsUMv54szidQ9wf1cYWf3g5qFDxDQKis99gcDaiCAwM3yEBIzuNeeCa5dartHDb1xEB_HcHSeYbghbMjGfasvKn0aZRsnTyC\
        0xhWBlsolZE\
    ",
    d: "\
        n7fzJc3_WG59VEOBTkayzuSMM780OJQuZjN_KbH8lOZG25ZoA7T4Bxcc0xQn5oZE5uSCIwg91oCt0JvxPcpmqzaJZg1nirjc\
        WZ-oBtVk7gCAWq-B3qhfF3izlbkosrzjHajIcY33HBhsy4_WerrXg4MDNE4HYojy68TcxT2LYQRxUOCf5TtJXvM8olexlSGt\
        VnQnDRutxEUCwiewfmmrfveEogLx9EA-KMgAjTiISXxqIXQhWUQX1G7v_mV_Hr2YuImYcNcHkRvp9E7ook0876DhkO8v4UOZ\
        LwA1OlUX98mkoqwc58A_Y2lBYbVx1_s5lpPsEqbbH-nqIjh1fL0gdNfihLxnclWtW7pCztLnImZAyeCWAG7ZIfv-Rn9fLIv9\
        jZ6r7r-MSH9sqbuziHN2grGjD_jfRluMHa0l84fFKl6bcqN1JWxPVhzNZo01yDF-1LiQnqUYSepPf6X3a2SOdkqBRiquE6Ev\
        LuSYIDpJq3jDIsgoL8Mo1LoomgiJxUwL_GWEOGu28gplyzm-9Q0U0nyhEf1uhSR8aJAQWAiFImWH5W_IQT9I7-yrindr_2fW\
        Q_i1UgMsGzA7aOGzZfPljRy6z-tY_KuBG00-28S_aWvjyUc-Alp8AUyKjBZ-7CWH32fGWK48j1t-zomrwjL_mnhsPbGs0c9W\
        sWgRzI-K8gE\
    ",
    p: "\
        7_2v3OQZzlPFcHyYfLABQ3XP85Es4hCdwCkbDeltaUXgVy9l9etKghvM4hRkOvbb01kYVuLFmxIkCDtpi-zLCYAdXKrAK3Pt\
        Sbtzld_XZ9nlsYa_QZWpXB_IrtFjVfdKUdMz94pHUhFGFj7nr6NNxfpiHSHWFE1zD_AC3mY46J961Y2LRnreVwAGNw53p07D\
        b8yD_92pDa97vqcZOdgtybH9q6uma-RFNhO1AoiJhYZj69hjmMRXx-x56HO9cnXNbmzNSCFCKnQmn4GQLmRj9sfbZRqL94bb\
        tE4_e0Zrpo8RNo8vxRLqQNwIy85fc6BRgBJomt8QdQvIgPgWCv5HoQ\
    ",
    q: "\
        zqOHk1P6WN_rHuM7ZF1cXH0x6RuOHq67WuHiSknqQeefGBA9PWs6ZyKQCO-O6mKXtcgE8_Q_hA2kMRcKOcvHil1hqMCNSXlf\
        lM7WPRPZu2qCDcqssd_uMbP-DqYthH_EzwL9KnYoH7JQFxxmcv5An8oXUtTwk4knKjkIYGRuUwfQTus0w1NfjFAyxOOiAQ37\
        ussIcE6C6ZSsM3n41UlbJ7TCqewzVJaPJN5cxjySPZPD3Vp01a9YgAD6a3IIaKJdIxJS1ImnfPevSJQBE79-EXe2kSwVgOzv\
        t-gsmM29QQ8veHy4uAqca5dZzMs7hkkHtw1z0jHV90epQJJlXXnH8Q\
    ",
};

/// RFC 7520 §5.2.5: RSA-OAEP and A256GCM.
const C2: &str = "\
    eyJhbGciOiJSU0EtT0FFUCIsImtpZCI6InNhbXdpc2UuZ2FtZ2VlQGhvYmJpdG9uLmV4YW1wbGUiLCJlbmMiOiJBMjU2R0NNIn0.\
    rT99rwrBTbTI7IJM8fU3Eli7226HEB7IchCxNuh7lCiud48LxeolRdtFF4nzQibeYOl5S_PJsAXZwSXtDePz9hk-BbtsTBqC2UsP\
    OdwjC9NhNupNNu9uHIVftDyucvI6hvALeZ6OGnhNV4v1zx2k7O1D89mAzfw-_kT3tkuorpDU-CpBENfIHX1Q58-Aad3FzMuo3Fn9\
    buEP2yXakLXYa15BUXQsupM4A1GD4_H4Bd7V3u9h8Gkg8BpxKdUV9ScfJQTcYm6eJEBz3aSwIaK4T3-dwWpuBOhROQXBosJzS1as\
    nuHtVMt2pKIIfux5BC6huIvmY7kzV7W7aIUrpYm_3H4zYvyMeq5pGqFmW2k8zpO878TRlZx7pZfPYDSXZyS0CfKKkMozT_qiCwZT\
    Sz4duYnt8hS4Z9sGthXn9uDqd6wycMagnQfOTs_lycTWmY-aqWVDKhjYNRf03NiwRtb5BE-tOdFwCASQj3uuAgPGrO2AWBe38UjQ\
    b0lvXn1SpyvYZ3WFc7WOJYaTa7A8DRn6MC6T-xDmMuxC0G7S2rscw5lQQU06MvZTlFOt0UvfuKBa03cxA_nIBIhLMjY2kOTxQMmp\
    DPTr6Cbo8aKaOnx6ASE5Jx9paBpnNmOOKH35j_QlrQhDWUN6A2Gg8iFayJ69xDEdHAVCGRzN3woEI2ozDRs.-nBoKLH0YkLZPSI9\
    .o4k2cnGN8rSSw3IDo1YuySkqeS_t2m1GXklSgqBdpACm6UJuJowOHC5ytjqYgRL-I-soPlwqMUf4UgRWWeaOGNw6vGW-xyM01lT\
    YxrXfVzIIaRdhYtEMRBvBWbEwP7ua1DRfvaOjgZv6Ifa3brcAM64d8p5lhhNcizPersuhw5f-pGYzseva-TUaL8iWnctc-sSwy7S\
    QmRkfhDjwbz0fz6kFovEgj64X1I5s7E6GLp5fnbYGLa1QUiML7Cc2GxgvI7zqWo0YIEc7aCflLG1-8BboVWFdZKLK9vNoycrYHum\
    wzKluLWEbSVmaPpOslY2n525DxDfWaVFUfKQxMF56vn4B9QMpWAbnypNimbM8zVOw.UCGiqJxhBI3IFVdPalHHvA\
";

/// RFC 7520 §5.6.4: dir and A128GCM.
const C6: &str = "\
    eyJhbGciOiJkaXIiLCJraWQiOiI3N2M3ZTJiOC02ZTEzLTQ1Y2YtODY3Mi02MTdiNWI0NTI0M2EiLCJlbmMiOiJBMTI4R0NNIn0.\
    .refa467QzzKx6QAB.JW_i_f52hww_ELQPGaYyeAB6HYGcR559l9TYnSovc23XJoBcW29rHP8yZOZG7YhLpT1bjFuvZPjQS-m0IF\
    tVcXkZXdH_lr_FrdYt9HRUYkshtrMmIUAyGmUnd9zMDB2n0cRDIHAzFVeJUDxkUwVAE7_YGRPdcqMyiBoCO-FBdE-Nceb4h3-FtB\
    P-c_BIwCPTjb9o0SbdcdREEMJMyZBH8ySWMVi1gPD9yxi-aQpGbSv_F9N4IZAxscj5g-NJsUPbjk29-s7LJAGb15wEBtXphVCgyy\
    53CoIKLHHeJHXex45Uz9aKZSRSInZI-wjsY0yu3cT4_aQ3i1o-tiE-F8Ios61EKgyIQ4CWao8PFMj8TTnp.vbb32Xvllea2OtmHA\
    dccRQ\
";

/// RFC 7520 §5.8.5: A128KW and A128GCM.
const C8: &str = "\
    eyJhbGciOiJBMTI4S1ciLCJraWQiOiI4MWIyMDk2NS04MzMyLTQzZDktYTQ2OC04MjE2MGFkOTFhYzgiLCJlbmMiOiJBMTI4R0NN\
    In0.CBI6oDw8MydIx1IBntf_lQcw2MmJKIQx.Qx0pmsDa8KnJc9Jo.AwliP-KmWgsZ37BvzCefNen6VTbRK3QMA4TkvRkH0tP1bT\
    dhtFJgJxeVmJkLD61A1hnWGetdg11c9ADsnWgL56NyxwSYjU1ZEHcGkd3EkU0vjHi9gTlb90qSYFfeF0LwkcTtjbYKCsiNJQkcIp\
    1yeM03OmuiYSoYJVSpf7ej6zaYcMv3WwdxDFl8REwOhNImk2Xld2JXq6BR53TSFkyT7PwVLuq-1GwtGHlQeg7gDT6xW0JqHDPn_H\
    -puQsmthc9Zg0ojmJfqqFvETUxLAF-KjcBTS5dNy6egwkYtOt8EIHK-oEsKYtZRaa8Z7MOZ7UGxGIMvEmxrGCPeJa14slv2-gaqK\
    0kEThkaSqdYw0FkQZF.ER7MWJZ1FBI_NKvn7Zb1Lw\
";

/// RFC 7520 §5.9.5: the same, and `zip`.
const C9: &str = "\
    eyJhbGciOiJBMTI4S1ciLCJraWQiOiI4MWIyMDk2NS04MzMyLTQzZDktYTQ2OC04MjE2MGFkOTFhYzgiLCJlbmMiOiJBMTI4R0NN\
    IiwiemlwIjoiREVGIn0.5vUT2WOtQxKWcekM_IzVQwkGgzlFDwPi.p9pUq6XHY0jfEZIl.HbDtOsdai1oYziSx25KEeTxmwnh8L8\
    jKMFNc1k3zmMI6VB8hry57tDZ61jXyezSPt0fdLVfe6Jf5y5-JaCap_JQBcb5opbmT60uWGml8blyiMQmOn9J--XhhlYg0m-BHaq\
    fDO5iTOWxPxFMUedx7WCy8mxgDHj0aBMG6152PsM-w5E_o2B3jDbrYBKhpYA7qi3AyijnCJ7BP9rr3U8kxExCpG3mK420TjOw.VI\
    LuUwuIxaLVmh5X-T7kmA\
";

/// RFC 7516 §A.3.3 and §A.3.7: A128KW and A128CBC-HS256.
const A3_KEY: &str = "GawgguFyGrWKav7AX4VKUg";
const A3: &str = "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.\
    6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ.AxY8DCtDaGlsbGljb3RoZQ.\
    KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ";

/// RFC 7520 §5, Figure 72.
const FRODO: &str = "You can trust us to stick with you through thick and thin\u{2013}to the bitter end. And you can trust \
    us to keep any secret of yours\u{2013}closer than you keep it yourself. But you cannot trust us to let you face \
    trouble alone, and go off without a word. We are your friends, Frodo.";

struct RsaJwk {
    n: &'static str,
    d: &'static str,
    p: &'static str,
    q: &'static str,
}

impl RsaJwk {
    fn key(&self, key_id: Option<&str>) -> DecryptionKey {
        let [n, d, p, q] = [self.n, self.d, self.p, self.q].map(|text| BigUint::from_bytes_be(&unpack(text)));
        let key = RsaPrivateKey::from_components(n, BigUint::from(65537_u32), d, vec![p, q]).unwrap();
        let base64 = STANDARD.encode(key.to_pkcs1_der().unwrap().as_bytes());
        let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{base64}\n-----END RSA PRIVATE KEY-----\n");
        DecryptionKey::rsa(key_id.map(str::to_owned), None, PrivateKey::parse(&pem, None).unwrap())
    }
}

fn unpack(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn secret(key_id: Option<&str>, text: &str) -> DecryptionKey {
    DecryptionKey::symmetric(key_id.map(str::to_owned), unpack(text)).unwrap()
}

#[test]
fn examples_of_rfc_7516() {
    assert_eq!(
        decrypt(A1, &[A1_KEY.key(None)]),
        Ok(b"The true sign of intelligence is not knowledge but imagination.".to_vec())
    );
    assert_eq!(decrypt(A3, &[secret(None, A3_KEY)]), Ok(b"Live long and prosper.".to_vec()));
}

#[test]
fn examples_of_rfc_7520() {
    let cases = [
        (C2, C2_KEY.key(Some("samwise.gamgee@hobbiton.example"))),
        (C6, secret(Some("77c7e2b8-6e13-45cf-8672-617b5b45243a"), "XctOhJAkA-pD9Lh7ZgW_2A")),
        (C8, secret(Some("81b20965-8332-43d9-a468-82160ad91ac8"), "GZy6sIZ6wl9NJOKB-jnmVQ")),
    ];
    for (token, key) in cases {
        assert_eq!(decrypt(token, &[key]), Ok(FRODO.into()), "{token:.40}");
    }
}

#[test]
fn examples_that_are_refused() {
    let cases = [
        ("RSA1_5", A2, A2_KEY.key(None)),
        ("zip", C9, secret(None, "GZy6sIZ6wl9NJOKB-jnmVQ")),
        ("another RSA key", A1, A2_KEY.key(None)),
        ("another RSA key, of another length", A1, C2_KEY.key(None)),
        ("a secret for an RSA key", A1, secret(None, A3_KEY)),
        ("an RSA key for a secret", A3, A1_KEY.key(None)),
        ("another secret", A3, secret(None, "GZy6sIZ6wl9NJOKB-jnmVQ")),
        ("another secret", C6, secret(None, A3_KEY)),
    ];
    for (what, token, key) in cases {
        assert_eq!(decrypt(token, &[key]), Err(DecryptionError::Failed), "{what}");
    }
}

/// Every single damage to a good token: none decrypts, none panics, and all fail alike.
#[test]
fn no_part_of_a_token_can_be_changed() {
    let cases = [
        (A1, A1_KEY.key(None)),
        (A3, secret(None, A3_KEY)),
        (C6, secret(None, "XctOhJAkA-pD9Lh7ZgW_2A")),
        (C8, secret(None, "GZy6sIZ6wl9NJOKB-jnmVQ")),
    ];
    for (token, key) in cases {
        let keys = [key];
        assert!(decrypt(token, &keys).is_ok());
        for damaged in damages(token) {
            assert_eq!(decrypt(&damaged, &keys), Err(DecryptionError::Failed), "{damaged}");
        }
    }
}

fn damages(token: &str) -> Vec<String> {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    let with = |index: usize, part: String| {
        let mut parts = parts.clone();
        parts[index] = part;
        parts.join(".")
    };
    let mut damaged = vec![
        String::new(),
        ".".into(),
        "....".into(),
        ".....".into(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{token}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}\0"),
        parts[..4].join("."),
        parts[..3].join("."),
        parts[1..].join("."),
        token.replace('.', " "),
        token.repeat(100),
    ];
    for (index, part) in parts.iter().enumerate() {
        let bytes = unpack(part);
        for other in 0..bytes.len() {
            // Every byte of what is short, some of what is long.
            if bytes.len() > 64 && !other.is_multiple_of(37) && other + 1 != bytes.len() {
                continue;
            }
            let mut flipped = bytes.clone();
            flipped[other] ^= 0x10;
            damaged.push(with(index, URL_SAFE_NO_PAD.encode(flipped)));
        }
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        damaged.extend([
            with(index, String::new()),
            with(index, URL_SAFE_NO_PAD.encode(half)),
            with(index, URL_SAFE_NO_PAD.encode([rest, half].concat())),
            with(index, URL_SAFE_NO_PAD.encode([bytes.as_slice(), &[0]].concat())),
            with(index, URL_SAFE_NO_PAD.encode([&[0], bytes.as_slice()].concat())),
            with(index, URL_SAFE_NO_PAD.encode([bytes.as_slice(), bytes.as_slice()].concat())),
            with(index, URL_SAFE_NO_PAD.encode(vec![0; bytes.len()])),
            with(index, URL_SAFE_NO_PAD.encode(vec![0xff; bytes.len()])),
            with(index, "A".repeat(1_000_000)),
            with(index, format!("{part}=")),
            with(index, format!("{part}A")),
            with(index, format!("{part} ")),
            with(index, format!("+{part}")),
        ]);
        for other in (0..parts.len()).filter(|other| *other != index) {
            let mut parts = parts.clone();
            parts.swap(index, other);
            damaged.push(parts.join("."));
        }
    }
    damaged.retain(|damaged| damaged != token);
    damaged
}
