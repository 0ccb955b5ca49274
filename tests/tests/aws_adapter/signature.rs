//! AWS Signature Version 4, written from its specification, to verify the app's signatures.

use sha2::{Digest, Sha256};

use super::recorder::{Request, SECRET};

/// The signature that a POST to `/` of this service should have.
pub fn expected(request: &Request, region: &str, service: &str) -> String {
    let authorization = request.header("authorization");
    let signed = part(authorization, "SignedHeaders=");
    let at = request.header("x-amz-date");
    let day = &at[..8];
    let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", request.header(name).trim())).collect();
    let canonical = format!("POST\n/\n\n{headers}\n{signed}\n{}", hex(&Sha256::digest(&request.body)));
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for step in [day, region, service, "aws4_request"] {
        key = hmac(&key, step.as_bytes());
    }
    hex(&hmac(&key, text.as_bytes()))
}

/// The signature that the request has.
pub fn found(request: &Request) -> &str {
    part(request.header("authorization"), "Signature=")
}

fn part<'a>(authorization: &'a str, name: &str) -> &'a str {
    authorization.split([',', ' ']).find_map(|part| part.strip_prefix(name)).expect("a part of the signature")
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
