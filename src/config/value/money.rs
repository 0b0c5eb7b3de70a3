//! What a seat costs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::{Schema, json_schema};

use super::Written;
use crate::text::grouped;

/// More than any seat costs, so that no sum of seats is too large to be written.
const MOST: u32 = 1_000_000;

/// An amount of money, exact to the digits that were written; 0 and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amount(pub(crate) Decimal);

impl Written for Amount {
    const WHAT: &'static str = "an amount such as `12` or `12.50`";
    const MAY_BE_A_NUMBER: bool = true;

    fn schema() -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "minimum": 0,
            "maximum": MOST,
            "pattern": r"^[0-9]+(\.[0-9]{1,4})?$",
        })
    }
}
written!(Amount);

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let amount = Decimal::from_str_exact(text).ok().filter(|_| is_plain);
        let amount = amount.filter(|amount| amount.scale() <= 4 && *amount <= MOST.into());
        amount.map(Self).ok_or_else(|| {
            format!(
                "`{text}` is not {}, expected 0–{MOST} with at most 4 digits after the point\n\
                 the currency stands by itself: `currency: EUR`",
                Self::WHAT
            )
        })
    }
}

/// A currency, by the three letters of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Currency([u8; 3]);

impl Written for Currency {
    const WHAT: &'static str = "the three letters of a currency, such as `USD`";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z]{3}$" })
    }
}
written!(Currency);

impl FromStr for Currency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letters: Option<[u8; 3]> = text.to_ascii_uppercase().as_bytes().try_into().ok();
        let letters = letters.filter(|letters| letters.iter().all(u8::is_ascii_uppercase));
        letters
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a currency: expected {}", Self::WHAT))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What one seat costs a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// With as many digits after the point as it was written with.
    pub per_seat: Decimal,
    /// In which currency.
    pub currency: Currency,
}

impl Price {
    /// What so many seats cost a month.
    pub fn of(self, seats: u64) -> Cost {
        // Nobody has so many seats that it would be too much: `MOST` is for that.
        let amount = self.per_seat.checked_mul(seats.into()).unwrap_or(Decimal::MAX);
        Cost { amount: as_money(amount), currency: self.currency }
    }
}

/// An amount of money; displays as `1762.50 USD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Exact; with no digits after the point where the price has none, else with two or more.
    pub amount: Decimal,
    /// In which currency.
    pub currency: Currency,
}

impl Cost {
    /// As people read it where other numbers are grouped, too: `1,762.50 USD`.
    pub fn grouped(self) -> String {
        let amount = self.amount.to_string();
        let (whole, rest) = amount.find('.').map_or((&*amount, ""), |point| amount.split_at(point));
        let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
        format!("{whole}{rest} {}", self.currency)
    }

    /// What several come to, grouped: one sum for each currency, in the order of their names.
    pub fn sums(costs: impl IntoIterator<Item = Self>) -> Vec<String> {
        let mut sums = BTreeMap::new();
        for Self { amount, currency } in costs {
            let sum = sums.entry(currency.0).or_insert(Decimal::ZERO);
            *sum = sum.checked_add(amount).unwrap_or(Decimal::MAX);
        }
        let cost =
            |(currency, amount)| Self { amount: as_money(amount), currency: Currency(currency) };
        sums.into_iter().map(cost).map(Self::grouped).collect()
    }
}

/// The same amount with two digits after the point, or as many more as it needs; with none where it
/// was written without.
fn as_money(amount: Decimal) -> Decimal {
    let mut money = amount.normalize();
    if amount.scale() > 0 && money.scale() < 2 {
        money.rescale(2);
    }
    money
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(price: &str, seats: u64, cost: &str) {
        let Amount(per_seat) = price.parse().unwrap();
        let price = Price { per_seat, currency: "usd".parse().unwrap() };
        assert_eq!(price.of(seats).to_string(), cost);
    }

    #[test]
    fn large_amounts_are_grouped_for_people() {
        let check = |price: &str, seats, grouped: &str| {
            let Amount(per_seat) = price.parse().unwrap();
            let price = Price { per_seat, currency: "eur".parse().unwrap() };
            assert_eq!(price.of(seats).grouped(), grouped);
        };
        check("12.50", 3_381, "42,262.50 EUR");
        check("12", 83, "996 EUR");
        check("1000", 1_000_000, "1,000,000,000 EUR");
        check("0.3333", 4, "1.3332 EUR");
    }

    #[test]
    fn what_seats_cost_is_exact_and_looks_like_money() {
        check("12", 61, "732 USD");
        check("12.50", 61, "762.50 USD");
        check("12.5", 4, "50.00 USD");
        check("12.345", 4, "49.38 USD");
        check("12.345", 3, "37.035 USD");
        check("0.1", 3, "0.30 USD");
        check("0", 3, "0 USD");
        check("1000000", 1_000_000, "1000000000000 USD");
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in
            ["", "-1", "+1", "1e3", "12,50", "12 USD", "$12", "0.00001", "1000001", ".", "1_000"]
        {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
        for text in ["", "US", "USDX", "€", "12A", "äöü"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
    }
}
