//! The bytes of answers and requests of the ECS client.
//!
//! The typed SDK drops members that it does not know (TRAP-T1). So one interceptor copies the bytes
//! of an answer, and another one replaces the bytes of a request before it is signed.

use std::sync::Arc;

use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::interceptors::context::{AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut},
};
use aws_smithy_types::body::SdkBody;
use parking_lot::Mutex;

/// Copies the bytes of an answer. Before `read_after_deserialization` the body is still empty.
#[derive(Clone, Debug, Default)]
pub(super) struct AnswerBytes {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl AnswerBytes {
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes.lock())
    }
}

impl Intercept for AnswerBytes {
    fn name(&self) -> &'static str {
        "AnswerBytes"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        bytes.clone_into(&mut self.bytes.lock());
        Ok(())
    }
}

/// Replaces the body of a request before the SDK signs it.
#[derive(Debug)]
pub(super) struct ReplacedBody {
    pub(super) bytes: Vec<u8>,
}

impl Intercept for ReplacedBody {
    fn name(&self) -> &'static str {
        "ReplacedBody"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.bytes.len().to_string());
        *request.body_mut() = SdkBody::from(self.bytes.clone());
        Ok(())
    }
}
