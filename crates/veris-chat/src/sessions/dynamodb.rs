//! Conversations in a table of DynamoDB, for more than one machine.
//!
//! The table has the partition key `session` (a string) and the sort key `item` (a number). Item 0 is the session and says how many
//! exchanges there are; item *n* is the exchange *n*. Both are written in one transaction, on the condition that nobody else has
//! added an exchange or deleted the session meanwhile. `expires` is the table's time to live.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::error::{BuildError, DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, Put, ReturnValue, TransactWriteItem, Update, WriteRequest,
};

use super::store::{KEPT, StoreError, Table};
use super::{Exchange, History, SessionKey, Tokens};

/// Of one call with its retries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// DynamoDB takes no more deletions in one call.
const BATCH: usize = 25;

type Item = HashMap<String, AttributeValue>;

#[derive(Debug)]
pub(super) struct DynamoDb {
    client: Client,
    table: Table,
}

impl DynamoDb {
    /// Sends nothing yet; signs with the instance role's credentials.
    pub(super) fn open(table: &Table) -> Self {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(table.region.clone()))
            .credentials_provider(ImdsCredentialsProvider::builder().build())
            .timeout_config(TimeoutConfig::builder().operation_timeout(OPERATION_TIMEOUT).build());
        if let Some(endpoint) = &table.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Self { client: Client::from_conf(config.build()), table: table.clone() }
    }

    pub(super) async fn load(&self, key: &SessionKey) -> Result<History, StoreError> {
        let Some(session) = self.session(key).await? else { return Ok(History::default()) };
        let (oldest, newest) = (number(&session, "oldest_shown")?, number(&session, "count")?);
        let mut pages = self
            .client
            .query()
            .table_name(&self.table.name)
            .consistent_read(true)
            .key_condition_expression("#session = :session AND #item BETWEEN :oldest AND :newest")
            .expression_attribute_names("#session", "session")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":session", text(key.as_str()))
            .expression_attribute_values(":oldest", count(oldest))
            .expression_attribute_values(":newest", count(newest))
            .into_paginator()
            .items()
            .send();
        let mut exchanges = Vec::new();
        while let Some(item) = pages.next().await {
            exchanges.push(exchange(&item.map_err(|error| self.failed(error))?)?);
        }
        Ok(History::after(newest, exchanges))
    }

    pub(super) async fn commit(
        &self,
        key: &SessionKey,
        exchange: Exchange,
        forgotten: Arc<AtomicBool>,
    ) -> Result<(), StoreError> {
        if forgotten.load(Ordering::SeqCst) {
            return Ok(());
        }
        let writes = [
            TransactWriteItem::builder().update(self.advance(key, &exchange)?).build(),
            TransactWriteItem::builder().put(self.put(key, exchange)?).build(),
        ];
        let sent = self.client.transact_write_items().set_transact_items(Some(writes.into())).send().await;
        sent.map(drop).map_err(|error| {
            if error.as_service_error().is_some_and(is_overtaken) { StoreError::Overtaken } else { self.failed(error) }
        })
    }

    pub(super) async fn forget(&self, key: &SessionKey) -> Result<bool, StoreError> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table.name)
            .set_key(Some(place(key, 0)))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(|error| self.failed(error))?;
        let Some(session) = deleted.attributes else { return Ok(false) };
        // Without their session the exchanges are never read, so what fails here is only left to expire.
        let numbers: Vec<u32> = (1..=number(&session, "count")?).collect();
        for numbers in numbers.chunks(BATCH) {
            self.delete(key, numbers).await?;
        }
        Ok(true)
    }

    /// Reads a session that does not exist.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        self.session(&SessionKey::new("", "")).await.map(drop)
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table.name).set_key(Some(place(key, 0)));
        let found = request.consistent_read(true).send().await.map_err(|error| self.failed(error))?;
        Ok(found.item)
    }

    fn advance(&self, key: &SessionKey, exchange: &Exchange) -> Result<Update, StoreError> {
        let mut update = Update::builder()
            .table_name(&self.table.name)
            .set_key(Some(place(key, 0)))
            .update_expression("SET #count = :count, oldest_shown = :oldest, expires = :expires")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":count", count(exchange.number))
            .expression_attribute_values(":oldest", count(exchange.oldest_shown))
            .expression_attribute_values(":expires", expires());
        update = if exchange.number == 1 {
            update.condition_expression("attribute_not_exists(#count)")
        } else {
            update
                .condition_expression("#count = :before")
                .expression_attribute_values(":before", count(exchange.number - 1))
        };
        update.build().map_err(StoreError::Request)
    }

    fn put(&self, key: &SessionKey, exchange: Exchange) -> Result<Put, StoreError> {
        let mut item = place(key, exchange.number);
        item.extend([
            ("oldest_shown".to_owned(), count(exchange.oldest_shown)),
            ("question".to_owned(), AttributeValue::S(exchange.question)),
            ("answer".to_owned(), AttributeValue::S(exchange.answer)),
            ("truncated".to_owned(), AttributeValue::Bool(exchange.truncated)),
            ("expires".to_owned(), expires()),
        ]);
        if !exchange.documents.is_empty() {
            let documents = exchange.documents.into_iter().map(AttributeValue::S).collect();
            item.insert("documents".to_owned(), AttributeValue::L(documents));
        }
        if let Some(usage) = exchange.usage {
            item.insert("prompt_tokens".to_owned(), count(usage.prompt));
            item.insert("answer_tokens".to_owned(), count(usage.answer));
        }
        Put::builder().table_name(&self.table.name).set_item(Some(item)).build().map_err(StoreError::Request)
    }

    async fn delete(&self, key: &SessionKey, numbers: &[u32]) -> Result<(), StoreError> {
        let delete = |number: &u32| {
            let request = DeleteRequest::builder().set_key(Some(place(key, *number))).build()?;
            Ok(WriteRequest::builder().delete_request(request).build())
        };
        let requests =
            numbers.iter().map(delete).collect::<Result<Vec<_>, BuildError>>().map_err(StoreError::Request)?;
        let sent = self.client.batch_write_item().request_items(&self.table.name, requests).send().await;
        sent.map(drop).map_err(|error| self.failed(error))
    }

    fn failed<E, R>(&self, error: SdkError<E, R>) -> StoreError
    where
        E: std::error::Error + Send + Sync + 'static,
        R: Debug + Send + Sync + 'static,
    {
        StoreError::DynamoDb {
            table: self.table.name.clone(),
            region: self.table.region.clone(),
            detail: DisplayErrorContext(error).to_string(),
        }
    }
}

fn place(key: &SessionKey, number: u32) -> Item {
    [("session".to_owned(), text(key.as_str())), ("item".to_owned(), count(number))].into()
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn count(number: u32) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn expires() -> AttributeValue {
    AttributeValue::N((UNIX_EPOCH.elapsed().unwrap_or_default() + KEPT).as_secs().to_string())
}

fn exchange(item: &Item) -> Result<Exchange, StoreError> {
    let text = |name: &'static str| {
        item.get(name).and_then(|value| value.as_s().ok()).cloned().ok_or(StoreError::Foreign { attribute: name })
    };
    let usage = match (number(item, "prompt_tokens"), number(item, "answer_tokens")) {
        (Ok(prompt), Ok(answer)) => Some(Tokens { prompt, answer }),
        _ => None,
    };
    Ok(Exchange {
        number: number(item, "item")?,
        oldest_shown: number(item, "oldest_shown")?,
        question: text("question")?,
        answer: text("answer")?,
        truncated: item.get("truncated").and_then(|value| value.as_bool().ok()).copied().unwrap_or(false),
        usage,
        documents: documents(item),
    })
}

fn documents(item: &Item) -> Vec<String> {
    let list = item.get("documents").and_then(|value| value.as_l().ok());
    list.into_iter().flatten().filter_map(|url| url.as_s().ok()).cloned().collect()
}

fn number(item: &Item, name: &'static str) -> Result<u32, StoreError> {
    let value = item.get(name).and_then(|value| value.as_n().ok());
    value.and_then(|digits| digits.parse().ok()).ok_or(StoreError::Foreign { attribute: name })
}

/// Transactions are also cancelled for other reasons, such as throttling.
fn is_overtaken(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some("ConditionalCheckFailed"))
}
