#![allow(clippy::unwrap_used)]

use rcgen::{
    BasicConstraints, CustomExtension, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, date_time_ymd,
};
use vidimus_protocol::Blob;

use super::*;
use crate::certificate::{MAX_CERTIFICATE, MAX_CHAIN};
use crate::cose::Algorithm;
use crate::testkit::{
    Certificates, FLAGS, SoftKey, Vendor, attestation_object, encode, names_model, packed,
    registration_data,
};

fn now() -> Time {
    Time::from_unix_ms(1_795_253_400_000)
}
const CLIENT_DATA: &[u8] = b"client data of the registration";
const MODEL: Aaguid = Aaguid([7; 16]);

fn data(vendor: &Vendor) -> Vec<u8> {
    let key = SoftKey::from_seed(Algorithm::Es256, &[3; 32]).public_key();
    let mut data = registration_data("localhost", FLAGS, &[1, 2, 3], &key);
    vendor.mark(&mut data);
    data
}

fn proven_at(vendor: &Vendor, time: Time) -> Result<Model, PackedError> {
    let object = vendor.attest(&data(vendor), CLIENT_DATA);
    check(&object.0, CLIENT_DATA, &vendor.anchor, time)
}

fn proven(vendor: &Vendor) -> Result<Model, PackedError> {
    proven_at(vendor, now())
}

fn with(change: impl FnOnce(&mut Certificates)) -> Result<Model, PackedError> {
    proven(&Vendor::with(MODEL, change))
}

/// What becomes of an attestation object made of these.
fn of(vendor: &Vendor, algorithm: i16, x5c: &[Vec<u8>]) -> Result<Model, PackedError> {
    let data = data(vendor);
    let signature = vendor.sign(&data, CLIENT_DATA);
    let object = packed(algorithm, &signature, x5c, &data);
    check(&object.0, CLIENT_DATA, &vendor.anchor, now())
}

#[test]
fn certificates_prove_a_model() {
    let vendor = Vendor::new(MODEL);
    assert_eq!(proven(&vendor), Ok(vendor.model()));
    // Chains may end with the anchor, or be the anchor.
    let whole = [vendor.x5c.clone(), vec![vendor.anchor.clone()]].concat();
    assert_eq!(of(&vendor, -7, &whole), Ok(vendor.model()));
    let mut alone = Vendor::new(MODEL);
    alone.anchor = alone.x5c[0].clone();
    assert_eq!(of(&alone, -7, &alone.x5c[..1]), Ok(alone.model()));
    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_RSA_SHA256] {
        let vendor = Vendor::with(MODEL, |vendor| {
            vendor.key = KeyPair::generate_for(algorithm).unwrap();
        });
        assert_eq!(proven(&vendor), Ok(vendor.model()), "{algorithm:?}");
    }
}

#[test]
fn other_formats_prove_none() {
    let vendor = Vendor::new(MODEL);
    let data = data(&vendor);
    let refused = |object: Blob| check(&object.0, CLIENT_DATA, &vendor.anchor, now()).unwrap_err();
    assert_eq!(refused(attestation_object(&data)), PackedError::Format);
    let statement = |members: &[&str]| {
        encode(|out| {
            out.map(3)?.str("fmt")?.str("packed")?.str("attStmt")?;
            out.map(u64::try_from(members.len()).unwrap())?;
            for member in members {
                out.str(member)?;
                match *member {
                    "alg" => out.i8(-7)?,
                    "x5c" => out.array(1)?.bytes(&vendor.x5c[0])?,
                    _ => out.bytes(&vendor.sign(&data, CLIENT_DATA))?,
                };
            }
            out.str("authData")?.bytes(&data)?;
            Ok(())
        })
    };
    for members in [
        &["alg", "sig"][..],
        &["alg", "x5c"],
        &["sig", "x5c"],
        &["alg", "sig", "x5c", "ecdaaKeyId"],
    ] {
        assert_eq!(
            refused(statement(members)),
            PackedError::Members,
            "{members:?}"
        );
    }
    for algorithm in [-8, -36, -258, 7] {
        let found = of(&vendor, algorithm, &vendor.x5c);
        assert_eq!(found, Err(PackedError::Algorithm), "{algorithm}");
    }
    let wrong = CertificateError::Algorithm;
    assert_eq!(of(&vendor, -257, &vendor.x5c), Err(wrong.into()));
    let wrong = CertificateError::Signature;
    assert_eq!(of(&vendor, -35, &vendor.x5c), Err(wrong.into()));
}

#[test]
fn the_attestation_is_signed() {
    let vendor = Vendor::new(MODEL);
    let object = vendor.attest(&data(&vendor), CLIENT_DATA).0;
    let wrong = Err(CertificateError::Signature.into());
    let other = b"client data of another";
    assert_eq!(check(&object, other, &vendor.anchor, now()), wrong);
    // Other authenticator data: another signature counter.
    let mut data = data(&vendor);
    let signature = vendor.sign(&data, CLIENT_DATA);
    data[36] ^= 1;
    let object = packed(-7, &signature, &vendor.x5c, &data).0;
    assert_eq!(check(&object, CLIENT_DATA, &vendor.anchor, now()), wrong);
    // Certificates of another authenticator of the same model.
    let other = Vendor::new(MODEL);
    assert_eq!(of(&vendor, -7, &other.x5c), wrong);
}

#[test]
fn each_requirement_of_the_first_certificate_refuses() {
    let vendor = Vendor::new(MODEL);
    let mut second = vendor.x5c[0].clone();
    let version = [0xa0, 3, 2, 1, 2];
    let at = second.windows(5).position(|bytes| bytes == version);
    second[at.unwrap() + 4] = 1;
    let found = of(&vendor, -7, &[second, vendor.x5c[1].clone()]);
    let wrong = PackedError::Requirement("its version is not 3");
    assert_eq!(found, Err(wrong));
    let found = with(|vendor| {
        let name = &mut vendor.leaf.distinguished_name;
        name.push(DnType::OrganizationalUnitName, "Authenticator attestation");
    });
    let wrong = PackedError::Requirement("its unit is another");
    assert_eq!(found, Err(wrong.clone()));
    let found = with(|vendor| {
        let unit = DnType::OrganizationalUnitName;
        vendor.leaf.distinguished_name.remove(unit);
    });
    assert_eq!(found, Err(wrong));
    let found = with(|vendor| vendor.leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let wrong = PackedError::Requirement("it is a CA's");
    assert_eq!(found, Err(wrong));
    assert!(with(|vendor| vendor.leaf.is_ca = IsCa::NoCa).is_ok());
}

#[test]
fn the_certificate_names_the_model() {
    let other = names_model(Aaguid([8; 16]));
    let found = with(|vendor| vendor.leaf.custom_extensions = vec![other]);
    assert_eq!(found, Err(PackedError::OtherAaguid));
    let found = with(|vendor| vendor.leaf.custom_extensions.clear());
    assert_eq!(found, Err(PackedError::OtherAaguid));
    let found = with(|vendor| vendor.leaf.custom_extensions.push(names_model(MODEL)));
    assert_eq!(found, Err(CertificateError::Malformed.into()));
    let found = with(|vendor| vendor.leaf.custom_extensions[0].set_criticality(true));
    assert_eq!(found, Err(CertificateError::CriticalExtension.into()));
    let found = with(|vendor| {
        let mut other = CustomExtension::from_oid_content(&[2, 5, 29, 54], vec![2, 1, 0]);
        other.set_criticality(true);
        vendor.intermediate.custom_extensions.push(other);
    });
    assert_eq!(found, Err(CertificateError::CriticalExtension.into()));
}

#[test]
fn each_rule_of_a_chain_refuses() {
    let vendor = Vendor::new(MODEL);
    let refused = |x5c: &[Vec<u8>], wrong: CertificateError| {
        assert_eq!(of(&vendor, -7, x5c), Err(wrong.into()), "{wrong}");
    };
    let [leaf, middle] = [&vendor.x5c[0], &vendor.x5c[1]].map(Clone::clone);
    refused(&[], CertificateError::Count);
    refused(&vec![leaf.clone(); MAX_CHAIN + 1], CertificateError::Count);
    refused(
        &[leaf.clone(), vec![0; MAX_CERTIFICATE + 1]],
        CertificateError::TooLong,
    );
    refused(&[leaf.clone(), vec![0]], CertificateError::Malformed);
    let longer = [middle.as_slice(), &[0]].concat();
    refused(&[leaf.clone(), longer], CertificateError::Malformed);
    refused(std::slice::from_ref(&leaf), CertificateError::OtherIssuer);
    // Of the same names, with other keys.
    let namesake = Vendor::new(MODEL);
    refused(
        &[leaf.clone(), namesake.x5c[1].clone()],
        CertificateError::Signature,
    );
    let object = vendor.attest(&data(&vendor), CLIENT_DATA).0;
    let found = check(&object, CLIENT_DATA, &namesake.anchor, now());
    assert_eq!(found, Err(CertificateError::Signature.into()));
    let found = check(&object, CLIENT_DATA, &[], now());
    assert_eq!(found, Err(CertificateError::Malformed.into()));

    let not = Err(CertificateError::NotAnIssuer.into());
    assert_eq!(with(|vendor| vendor.intermediate.is_ca = IsCa::NoCa), not);
    let explicit = with(|vendor| vendor.intermediate.is_ca = IsCa::ExplicitNoCa);
    assert_eq!(explicit, not);
    assert_eq!(with(|vendor| vendor.root.is_ca = IsCa::ExplicitNoCa), not);
    let short = IsCa::Ca(BasicConstraints::Constrained(0));
    assert_eq!(with(|vendor| vendor.root.is_ca = short), not);
    let usages = vec![KeyUsagePurpose::DigitalSignature];
    assert_eq!(with(|vendor| vendor.intermediate.key_usages = usages), not);
    // Old anchors say nothing of it.
    let silent = with(|vendor| {
        vendor.root.is_ca = IsCa::NoCa;
        vendor.root.key_usages.clear();
    });
    assert!(silent.is_ok());
}

#[test]
fn all_certificates_are_valid_at_the_time() {
    let changes: [fn(&mut Certificates) -> &mut rcgen::CertificateParams; 3] = [
        |vendor| &mut vendor.leaf,
        |vendor| &mut vendor.intermediate,
        |vendor| &mut vendor.root,
    ];
    let not = Err(CertificateError::NotValid.into());
    for of in changes {
        let late = with(|vendor| of(vendor).not_before = date_time_ymd(2027, 1, 1));
        assert_eq!(late, not);
        let over = with(|vendor| of(vendor).not_after = date_time_ymd(2026, 1, 1));
        assert_eq!(over, not);
    }
    // 2024-01-01 and 2044-01-01, both with the whole second.
    let vendor = Vendor::new(MODEL);
    for (ms, valid) in [
        (1_704_067_199_999, false),
        (1_704_067_200_000, true),
        (2_335_219_200_999, true),
        (2_335_219_201_000, false),
    ] {
        let found = proven_at(&vendor, Time::from_unix_ms(ms));
        assert_eq!(found.is_ok(), valid, "{ms}");
    }
}

/// The attestation object `packed.ES256` of WebAuthn Level 3.
const PUBLISHED: &str = "a363666d74667061636b65646761747453746d74a363616c6726637369675847304502203f19ec4b229f46ab\
    8c45eff29b904ff10c0390dc40bf1216f04a78f4ceba3425022100fe7041a32759aff05a0f9f26c70a999c7a\
    284451ba89234a1d3483c25e21925b637835638159022530820221308201c8a00302010202110088c220f83c\
    8ef1feafe94deae45faad0300a06082a8648ce3d0403023062311e301c06035504030c15576562417574686e\
    207465737420766563746f7273310c300a060355040a0c0357334331253023060355040b0c1c41757468656e\
    74696361746f72204174746573746174696f6e204341310b30090603550406130241413020170d3234303130\
    313030303030305a180f33303234303130313030303030305a305f311e301c06035504030c15576562417574\
    686e207465737420766563746f7273310c300a060355040a0c0357334331223020060355040b0c1941757468\
    656e74696361746f72204174746573746174696f6e310b30090603550406130241413059301306072a8648ce\
    3d020106082a8648ce3d03010703420004a91ba4389409dd38a428141940ca8feb1ac0d7b4350558104a3777\
    a49322f3798440f378b3398ab2d3bb7bf91322c92eb23556f59ad0a836fec4c7663b0e4dc3a360305e300c06\
    03551d130101ff04023000300e0603551d0f0101ff040403020780301d0603551d0e04160414a589ba72d060\
    842ab11f74fb246bdedab16f9b9b301f0603551d2304183016801445aff715b0dd786741fee996ebc16547a3\
    931b1e300a06082a8648ce3d040302034700304402201726b9d85ecd8a5ed51163722ca3a20886fd9b242a0a\
    a0453d442116075defd502207ef471e530ac87961a88a7f0d0c17b091ffc6b9238d30f79f635b417be5910e7\
    68617574684461746158a4bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b54d\
    00000000876ca4f52071c3e9b25509ef2cdf7ed60020c9a6f5b3462d02873fea0c56862234f99f081728084e\
    511bb7760201a89054a5a50102032620012158201cf27f25da591208a4239c2e324f104f585525479a29edee\
    dd830f48e77aeae522582059e4b7da6c0106e206ce390c93ab98a15a5ec3887e57f0cc2bece803b920c423";
/// Its client data.
const PUBLISHED_CLIENT_DATA: &str = "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a227752684b58\
    393334424634543345663153324831706c61325a725751475046746877365356756d56494249222c226f7269\
    67696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c\
    73652c22657874726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e64\
    65642077697468206164646974696f6e616c206669656c647320696e20746865206675747572652c20737563\
    6820617320746869733a20396138624e596a4b436757724258552d66436c316167227d";

/// The published certificate leaves the model out, which is not enough here;
/// every rule before that holds.
#[test]
fn the_published_attestation_does_not_name_its_model() {
    let object = const_hex::decode(PUBLISHED).unwrap();
    let mut client_data = const_hex::decode(PUBLISHED_CLIENT_DATA).unwrap();
    let statement = attestation::split(&object).unwrap().statement;
    let fields = cbor::map(statement).unwrap();
    let x5c = fields.iter().find(|field| field.key == Item::Text("x5c"));
    let x5c = cbor::byte_strings(x5c.unwrap().raw_value()).unwrap();
    let found = check(&object, &client_data, x5c[0], now());
    assert_eq!(found, Err(PackedError::OtherAaguid));
    client_data[0] ^= 1;
    let found = check(&object, &client_data, x5c[0], now());
    assert_eq!(found, Err(CertificateError::Signature.into()));
}
