//! Requests signed, opened, answered and verified. The known MACs were computed with another HMAC from the same octets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

use super::record::{TsigRecord, cover_prior, take};
use super::{Algorithm, Key, Keys, Opened, Refused, Signer, TsigError, UNSIGNED_MAX, Verifier, code};
use crate::transfer::message::{Header, Reader};
use crate::wire::{Name, Rcode};
use std::sync::Arc;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_700_000_000;
/// A request for `example.test.` AXFR with ID 0x1234, and two answers to it.
const REQUEST: &[u8] = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x07example\x04test\0\0\xfc\0\x01";
const FIRST: &[u8] = b"\x12\x34\x84\0\0\x01\0\0\0\0\0\0\x07example\x04test\0\0\xfc\0\x01";
const NEXT: &[u8] = b"\x12\x34\x84\0\0\0\0\0\0\0\0\0";

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), None).unwrap()
}

fn key(algorithm: Algorithm, secret: &[u8]) -> Key {
    Key::new(&name("Transfer.Example."), algorithm, secret)
}

fn keys() -> Keys {
    [key(Algorithm::HmacSha256, SECRET)].into_iter().collect()
}

/// A signed request, and what checks its answer.
fn request(secret: &[u8]) -> (Vec<u8>, Verifier) {
    let mut request = REQUEST.to_vec();
    let verifier = Signer::request(&Arc::new(key(Algorithm::HmacSha256, secret)), &mut request, NOW);
    (request, verifier)
}

fn open(request: &[u8], now: u64) -> (Opened, Vec<u8>) {
    let mut octets = request.to_vec();
    (keys().open(&mut octets, now), octets)
}

fn signer_for(request: &[u8]) -> Signer {
    match open(request, NOW) {
        (Opened::Signed(signer), octets) => {
            assert_eq!(octets, REQUEST, "the signature is gone");
            signer
        }
        (other, _) => panic!("{other:?}"),
    }
}

fn refused(request: &[u8], now: u64) -> Refused {
    match open(request, now) {
        (Opened::Refused(refused), _) => refused,
        (other, _) => panic!("{other:?}"),
    }
}

fn mac_of(message: &[u8]) -> String {
    let record = take(&mut message.to_vec()).unwrap().unwrap();
    record.mac.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn signed(signer: &mut Signer, message: &[u8], now: u64) -> Vec<u8> {
    let mut message = message.to_vec();
    signer.sign(&mut message, now);
    message
}

#[test]
fn known_answers_of_each_algorithm() {
    for (algorithm, request_mac, first_mac, next_mac) in [
        (
            Algorithm::HmacSha256,
            "c96a423fa6ee49741a9fba0031e34f9e30845dfa42eec63712a53168ac3006f8",
            "5ef2c3aa533ea22dc14e6cad1d43439ba5d443c7d502961bdbcc8bbdc6ca59a1",
            "cfb68bac4b6c592f812841f75f3bfe11b76f6c4d7225641a2ccf6600583d3911",
        ),
        (
            Algorithm::HmacSha384,
            "dab01b92aad4555f10c376a7cd58ffe596f38ee383f821e49f24b6423d04c782d11b855e9954a65e872cd595875fdda4",
            "6d509799b1a0c5c32e60c247a8240d4cbbd0b07d4f65f4d142f6b5b3a933a297d57c0a2a57bd91367f7e407a036406fb",
            "a5e4f554033ba6dfde5bd256a4577cb21e70d6e1836ea91ba63db2c19f0d584b17a203205cefa168be117ad77868986a",
        ),
        (
            Algorithm::HmacSha512,
            "e920ff63913058d749c5ea30ffc8f33e28e36ce55ba92bcb795098488b319af1\
             d328a34e4aea362206ce8cc8fecafab63688f8ea7ed6224b64cb9df65bca94be",
            "1cb585eed772b3ebda3a4a3906e7c9774c1abb115e6750a3dac004d95af04d4a\
             df3ce13c32029e49f15981a99bff74ff96552cbb2a98c4da5d46b9fec883201c",
            "e4ed847f0ffdd75024154256ffe6bdcc779e5bbdc905390d678ec5f53114c1aa\
             221646ffe741f894c9aeafba464cac90cbdf716aa114c41e1457cf1050176e2b",
        ),
    ] {
        let key = key(algorithm, SECRET);
        let mut request = REQUEST.to_vec();
        let mut verifier = Signer::request(&Arc::new(key), &mut request, NOW);
        assert_eq!(mac_of(&request), request_mac);
        let keys: Keys = [self::key(algorithm, SECRET)].into_iter().collect();
        let Opened::Signed(mut signer) = keys.open(&mut request, NOW) else { panic!("{algorithm:?}") };
        let mut first = signed(&mut signer, FIRST, NOW + 1);
        assert_eq!(first.len(), FIRST.len() + signer.signature_len() - 6, "room for a server's time is kept");
        let mut next = signed(&mut signer, NEXT, NOW + 2);
        assert_eq!((mac_of(&first), mac_of(&next)), (first_mac.to_owned(), next_mac.to_owned()));
        verifier.verify(&mut first, NOW).unwrap();
        verifier.verify(&mut next, NOW).unwrap();
        assert_eq!((first.as_slice(), next.as_slice(), verifier.finish()), (FIRST, NEXT, Ok(())));
    }
}

#[test]
fn rfc8945_5_3_1_up_to_99_messages_of_a_stream_may_be_unsigned() {
    let (request, mut verifier) = request(SECRET);
    let mut signer = signer_for(&request);
    let mut first = signed(&mut signer, FIRST, NOW);
    let first_record = take(&mut first.clone()).unwrap().unwrap();
    verifier.verify(&mut first, NOW).unwrap();
    // What comes between two signatures is covered by the second: so another side computes it from all of them.
    for _ in 0..UNSIGNED_MAX {
        verifier.verify(&mut NEXT.to_vec(), NOW).unwrap();
    }
    assert_eq!(verifier.finish(), Err(TsigError::Missing), "the last message must be signed");
    let mut context = key(Algorithm::HmacSha256, SECRET).begin();
    cover_prior(&mut context, &first_record.mac);
    for _ in 0..=UNSIGNED_MAX {
        context.update(NEXT);
    }
    first_record.cover(&mut context, true);
    let mut last = NEXT.to_vec();
    TsigRecord { mac: context.sign().as_ref().into(), ..first_record }.append(&mut last);
    verifier.verify(&mut last, NOW).unwrap();
    assert_eq!(verifier.finish(), Ok(()));
    for _ in 0..UNSIGNED_MAX {
        verifier.verify(&mut NEXT.to_vec(), NOW).unwrap();
    }
    assert_eq!(verifier.verify(&mut NEXT.to_vec(), NOW), Err(TsigError::Missing));
    let (_, mut verifier) = self::request(SECRET);
    assert_eq!(verifier.finish(), Err(TsigError::Missing));
    assert_eq!(verifier.verify(&mut FIRST.to_vec(), NOW), Err(TsigError::Missing), "the first must be signed, too");
}

#[test]
fn messages_that_are_left_out_or_changed_are_noticed() {
    let (request, mut verifier) = request(SECRET);
    let mut signer = signer_for(&request);
    let mut first = signed(&mut signer, FIRST, NOW);
    let _lost = signed(&mut signer, NEXT, NOW);
    let mut third = signed(&mut signer, NEXT, NOW);
    verifier.verify(&mut first, NOW).unwrap();
    assert_eq!(verifier.verify(&mut third, NOW), Err(TsigError::Signature));
    let (request, mut verifier) = self::request(SECRET);
    let mut changed = signed(&mut signer_for(&request), FIRST, NOW);
    changed[3] |= 3;
    assert_eq!(verifier.verify(&mut changed, NOW), Err(TsigError::Signature));
}

#[test]
fn rfc8945_5_2_1_an_unknown_key_is_badkey_without_a_signature() {
    let mut request = REQUEST.to_vec();
    let other = Key::new(&name("other."), Algorithm::HmacSha256, SECRET);
    let mut verifier = Signer::request(&Arc::new(other), &mut request, NOW);
    let refused = refused(&request, NOW);
    assert_eq!((refused.error, refused.key.as_deref()), (TsigError::Key, Some("other.")));
    let mut answer = refused.answer.unwrap();
    assert_eq!(Header::parse(&answer).unwrap().rcode(), Rcode::NOTAUTH);
    let record = take(&mut answer.clone()).unwrap().unwrap();
    assert_eq!((record.error, record.mac.len(), record.original_id), (code::BADKEY, 0, 0x1234));
    assert_eq!(verifier.verify(&mut answer, NOW), Err(TsigError::Told(code::BADKEY)));
    // The right name with another algorithm is another key.
    let mut request = REQUEST.to_vec();
    let _ = Signer::request(&Arc::new(key(Algorithm::HmacSha512, SECRET)), &mut request, NOW);
    assert_eq!(self::refused(&request, NOW).error, TsigError::Key);
}

#[test]
fn rfc8945_5_2_2_a_wrong_mac_is_badsig_without_a_signature() {
    let (request, mut verifier) = request(b"another secret of some length...");
    let refused = refused(&request, NOW);
    assert_eq!(refused.error, TsigError::Signature);
    let mut answer = refused.answer.unwrap();
    assert_eq!(Header::parse(&answer).unwrap().rcode(), Rcode::NOTAUTH);
    assert_eq!(Reader::new(&answer).unwrap().question().unwrap().name, name("example.test."));
    assert_eq!(verifier.verify(&mut answer, NOW), Err(TsigError::Told(code::BADSIG)));
}

#[test]
fn rfc8945_5_2_3_another_time_is_badtime_with_ours_and_a_signature() {
    for now in [NOW - 301, NOW + 301, 0, u64::from(u32::MAX) + 5] {
        let (request, mut verifier) = request(SECRET);
        let refused = refused(&request, now);
        assert_eq!(refused.error, TsigError::Time, "{now}");
        let mut answer = refused.answer.unwrap();
        let record = take(&mut answer.clone()).unwrap().unwrap();
        assert_eq!((record.error, record.time, &*record.other), (code::BADTIME, NOW, &now.to_be_bytes()[2..]));
        assert_eq!(verifier.verify(&mut answer, NOW), Err(TsigError::Told(code::BADTIME)), "its signature holds");
    }
    for now in [NOW - 300, NOW + 300] {
        assert!(matches!(open(&request(SECRET).0, now).0, Opened::Signed(_)), "{now}");
    }
    let (request, mut verifier) = request(SECRET);
    let mut answer = signed(&mut signer_for(&request), FIRST, NOW + 301);
    assert_eq!(verifier.verify(&mut answer, NOW), Err(TsigError::Time));
}

/// The request with a MAC of `len` octets.
fn truncated(len: usize) -> Vec<u8> {
    let mut octets = request(SECRET).0;
    let mut record = take(&mut octets).unwrap().unwrap();
    let mut mac = record.mac.to_vec();
    mac.resize(len, 0);
    record.mac = mac.into();
    record.append(&mut octets);
    octets
}

#[test]
fn rfc8945_5_2_4_truncated_macs() {
    for len in [0, 9, 15, 33] {
        let refused = refused(&truncated(len), NOW);
        assert_eq!(refused.error, TsigError::Malformed, "{len}");
        let answer = refused.answer.unwrap();
        assert_eq!(Header::parse(&answer).unwrap().rcode(), Rcode::FORMERR);
    }
    for len in [16, 31] {
        let refused = refused(&truncated(len), NOW);
        assert_eq!(refused.error, TsigError::Truncated, "{len}");
        let record = take(&mut refused.answer.unwrap()).unwrap().unwrap();
        assert_eq!((record.error, record.mac.len()), (code::BADTRUNC, 32), "the answer is signed");
    }
    assert!(matches!(open(&truncated(32), NOW).0, Opened::Signed(_)));
}

#[test]
fn rfc8945_5_1_a_signature_stands_last_and_once() {
    let plain = |octets: &[u8]| matches!(open(octets, NOW), (Opened::Unsigned, left) if left == octets);
    assert!(plain(REQUEST));
    let (signed, _) = request(SECRET);
    let with_one_more = |octets: &[u8], record: &[u8]| {
        let mut longer = [octets, record].concat();
        longer[11] += 1;
        longer
    };
    let opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
    assert!(plain(&with_one_more(REQUEST, opt)));
    assert_eq!(refused(&with_one_more(&signed, opt), NOW).error, TsigError::Malformed);
    assert_eq!(refused(&with_one_more(&signed, &signed[REQUEST.len()..]), NOW).error, TsigError::Malformed);
    assert_eq!(refused(&[&signed[..], b"\0"].concat(), NOW).error, TsigError::Malformed);
    for len in REQUEST.len()..signed.len() {
        assert!(matches!(open(&signed[..len], NOW).0, Opened::Unreadable), "no message, and no bad signature: {len}");
    }
    // To what is no request there is no answer.
    let mut response = signed;
    response[2] |= 0x80;
    assert!(refused(&with_one_more(&response, opt), NOW).answer.is_none());
}

#[test]
fn rfc8945_5_2_a_forwarder_may_change_the_id() {
    let (mut request, mut verifier) = request(SECRET);
    request[..2].copy_from_slice(&[0x99, 0x99]);
    let (Opened::Signed(mut signer), octets) = open(&request, NOW) else { panic!("the signature holds") };
    assert_eq!((&octets[..2], &octets[2..]), (&[0x99, 0x99][..], &REQUEST[2..]));
    // It answers what the forwarder asked, which puts the first ID back.
    let mut answer = signed(&mut signer, &[&[0x99, 0x99], &FIRST[2..]].concat(), NOW);
    answer[..2].copy_from_slice(&REQUEST[..2]);
    verifier.verify(&mut answer, NOW).unwrap();
}

#[test]
fn a_secret_is_never_shown() {
    let shown = format!("{:?} {:?}", key(Algorithm::HmacSha256, SECRET), keys());
    assert!(!shown.contains("0123") && shown.contains("transfer.example."), "{shown}");
}
