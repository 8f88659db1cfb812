//! Says which type of Postgres each value travels as, so that no statement has to be prepared first.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::rules::step::{ClaimId, StepId};

pub(super) trait Value: ToSql + Sync + Send {
    fn kind(&self) -> Type;
}

macro_rules! value {
    ($($rust:ty => $kind:ident / $array:ident),+ $(,)?) => {
        $(
            impl Value for $rust {
                fn kind(&self) -> Type { Type::$kind }
            }
            impl Value for Option<$rust> {
                fn kind(&self) -> Type { Type::$kind }
            }
            impl Value for Vec<$rust> {
                fn kind(&self) -> Type { Type::$array }
            }
            impl Value for Vec<Option<$rust>> {
                fn kind(&self) -> Type { Type::$array }
            }
            impl Value for Option<Vec<$rust>> {
                fn kind(&self) -> Type { Type::$array }
            }
        )+
    };
}

value!(
    bool => BOOL / BOOL_ARRAY,
    i32 => INT4 / INT4_ARRAY,
    i64 => INT8 / INT8_ARRAY,
    &str => TEXT / TEXT_ARRAY,
    String => TEXT / TEXT_ARRAY,
    &[u8] => BYTEA / BYTEA_ARRAY,
    StepId => UUID / UUID_ARRAY,
    ClaimId => UUID / UUID_ARRAY,
);

macro_rules! uuid {
    ($id:ident) => {
        impl ToSql for $id {
            fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
                out.extend_from_slice(&self.0);
                Ok(IsNull::No)
            }

            fn accepts(kind: &Type) -> bool {
                *kind == Type::UUID
            }

            to_sql_checked!();
        }

        impl FromSql<'_> for $id {
            fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
                Ok(Self(raw.try_into()?))
            }

            fn accepts(kind: &Type) -> bool {
                *kind == Type::UUID
            }
        }
    };
}

uuid!(StepId);
uuid!(ClaimId);
