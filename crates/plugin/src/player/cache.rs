//! The phrases that the player holds, and its queues to and from the generator.

use std::sync::Arc;

use rtrb::{Consumer, Producer};

use crate::phrase::{Phrase, PhraseKey, Signature};

/// Maximum number of phrases kept.
const MAX_PHRASES: usize = 16;
/// Maximum number of unanswered requests.
const MAX_REQUESTS: usize = 8;

/// An answer of the generator.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// The requested phrase.
    Made(Arc<Phrase>),
    /// It can't be made.
    Failed(PhraseKey),
    /// It was not composed, because newer requests arrived.
    Skipped(PhraseKey),
    /// The music of a loaded state (`None` if nothing was played), and the number of the state.
    Restored(Option<Arc<Phrase>>, u64),
}

/// The player's ends of the queues to and from the generator.
pub(crate) struct Link {
    /// Requests for phrases.
    pub(crate) requests: Producer<PhraseKey>,
    /// Answers of the generator.
    pub(crate) deliveries: Consumer<Delivery>,
    /// Phrases that the player no longer keeps, for the generator to free.
    pub(crate) returned: Producer<Arc<Phrase>>,
}

/// The phrases that the player holds. No method allocates, frees or waits.
///
/// The generator keeps a handle of each phrase until it is returned, so dropping one here never
/// frees memory.
pub(super) struct Cache {
    link: Link,
    slots: Vec<Slot>,
    requested: Vec<PhraseKey>,
    /// Counts arrivals and uses.
    time: u64,
}

struct Slot {
    /// `None` for restored music that the current settings would not make.
    key: Option<PhraseKey>,
    /// `None` for music that can't be made.
    phrase: Option<Arc<Phrase>>,
    arrived: u64,
    used: u64,
}

/// The state of a key.
#[derive(Debug)]
pub(super) enum Known<'a> {
    /// Its phrase has arrived.
    Music(&'a Arc<Phrase>),
    /// It can't be made.
    Impossible,
    /// Nothing yet.
    Nothing,
}

/// Music of a loaded state.
pub(super) struct Restored {
    pub(super) phrase: Option<Arc<Phrase>>,
    /// The state's number.
    pub(super) epoch: u64,
}

impl Cache {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            slots: Vec::with_capacity(MAX_PHRASES),
            requested: Vec::with_capacity(MAX_REQUESTS),
            time: 0,
        }
    }

    /// Receives what the generator has sent, without dropping the phrase that is playing. Returns
    /// the music of a loaded state if it has arrived; the caller must then call again.
    pub(super) fn receive(&mut self, playing: Option<&Arc<Phrase>>) -> Option<Restored> {
        // Each delivery may replace a phrase, which must be returned.
        while self.link.returned.slots() > 0 {
            let delivery = self.link.deliveries.pop().ok()?;
            match delivery {
                Delivery::Made(phrase) => {
                    if let Some(key) = phrase.key {
                        self.requested.retain(|asked| *asked != key);
                    }
                    self.insert(phrase.key, Some(phrase), playing);
                }
                Delivery::Failed(key) => {
                    self.requested.retain(|asked| *asked != key);
                    self.insert(Some(key), None, playing);
                }
                Delivery::Skipped(key) => self.requested.retain(|asked| *asked != key),
                Delivery::Restored(phrase, epoch) => {
                    if let Some(phrase) = &phrase {
                        self.insert(phrase.key, Some(Arc::clone(phrase)), playing);
                    }
                    return Some(Restored { phrase, epoch });
                }
            }
        }
        None
    }

    fn insert(
        &mut self,
        key: Option<PhraseKey>,
        phrase: Option<Arc<Phrase>>,
        playing: Option<&Arc<Phrase>>,
    ) {
        self.time += 1;
        let slot = Slot { key, phrase, arrived: self.time, used: self.time };
        let plays = |slot: &Slot| match (&slot.phrase, playing) {
            (Some(phrase), Some(playing)) => phrase.id == playing.id,
            _ => false,
        };
        // Replaces the same key, or else the least recently used one.
        let same = |old: &Slot| key.is_some() && old.key == key && !plays(old);
        let place = self.slots.iter().position(same).or_else(|| {
            if self.slots.len() < MAX_PHRASES {
                return None;
            }
            let idle = self.slots.iter().enumerate().filter(|(_, slot)| !plays(slot));
            idle.min_by_key(|(_, slot)| slot.used).map(|(at, _)| at)
        });
        let Some(place) = place else {
            // A key that can't be composed may have restored music that is playing.
            let is_new = !self.slots.iter().any(|old| key.is_some() && old.key == key);
            if is_new || slot.phrase.is_some() {
                self.slots.push(slot);
            }
            return;
        };
        let old = std::mem::replace(&mut self.slots[place], slot);
        if let Some(phrase) = old.phrase {
            // There is room: see `receive`.
            let _ = self.link.returned.push(phrase);
        }
    }

    /// Looks up a key.
    pub(super) fn get(&mut self, key: &PhraseKey) -> Known<'_> {
        self.time += 1;
        // The newest one, if several have this key.
        let slots = self.slots.iter_mut().filter(|slot| slot.key.as_ref() == Some(key));
        let Some(slot) = slots.max_by_key(|slot| slot.arrived) else { return Known::Nothing };
        slot.used = self.time;
        slot.phrase.as_ref().map_or(Known::Impossible, Known::Music)
    }

    /// The last phrase to arrive for a place in the song, regardless of its settings.
    pub(super) fn newest(&self, number: i64, signature: Signature) -> Option<&Arc<Phrase>> {
        let slots = self.slots.iter().filter(|slot| {
            slot.key.is_some_and(|key| (key.number, key.signature) == (number, signature))
        });
        let made = slots.filter(|slot| slot.phrase.is_some());
        made.max_by_key(|slot| slot.arrived)?.phrase.as_ref()
    }

    /// Requests a phrase, unless it is here or has been requested.
    pub(super) fn request(&mut self, key: &PhraseKey) {
        let is_known = self.slots.iter().any(|slot| slot.key.as_ref() == Some(key));
        if is_known || self.requested.contains(key) || self.requested.len() == MAX_REQUESTS {
            return;
        }
        if self.link.requests.push(*key).is_ok() {
            self.requested.push(*key);
        }
    }
}

#[cfg(test)]
mod tests {
    use rtrb::RingBuffer;

    use super::*;
    use crate::catalog::MAX_DIALS;

    struct Generator {
        requests: Consumer<PhraseKey>,
        deliveries: Producer<Delivery>,
        returned: Consumer<Arc<Phrase>>,
    }

    fn cache() -> (Cache, Generator) {
        let (to_generator, requests) = RingBuffer::new(MAX_REQUESTS);
        let (deliveries, from_generator) = RingBuffer::new(64);
        let (to_free, returned) = RingBuffer::new(64);
        let link = Link { requests: to_generator, deliveries: from_generator, returned: to_free };
        (Cache::new(link), Generator { requests, deliveries, returned })
    }

    fn key(number: i64) -> PhraseKey {
        PhraseKey {
            style: 0,
            variation: 0,
            temperature: 100,
            dials: [0; MAX_DIALS],
            bars: 8,
            signature: Signature::COMMON,
            number,
        }
    }

    fn phrase(number: i64) -> Arc<Phrase> {
        let place = (number, Signature::COMMON, 8);
        Arc::new(Phrase::new(Some(key(number)), place, Vec::new()))
    }

    #[test]
    fn each_phrase_is_asked_for_once_until_it_is_answered() {
        let (mut cache, mut generator) = cache();
        (0..3).for_each(|_| cache.request(&key(1)));
        assert_eq!(generator.requests.pop(), Ok(key(1)));
        assert!(generator.requests.is_empty());
        generator.deliveries.push(Delivery::Skipped(key(1))).unwrap();
        assert!(cache.receive(None).is_none());
        cache.request(&key(1));
        assert_eq!(generator.requests.pop(), Ok(key(1)));
        generator.deliveries.push(Delivery::Failed(key(1))).unwrap();
        assert!(cache.receive(None).is_none());
        cache.request(&key(1));
        assert!(generator.requests.is_empty(), "what can't be made is not asked for again");
        assert!(matches!(cache.get(&key(1)), Known::Impossible));
        assert!(cache.newest(1, Signature::COMMON).is_none());
    }

    #[test]
    fn the_phrase_not_used_for_the_longest_time_goes_back_and_never_the_one_that_plays() {
        let (mut cache, mut generator) = cache();
        let made: Vec<Arc<Phrase>> = (0..20).map(phrase).collect();
        for phrase in &made[..16] {
            generator.deliveries.push(Delivery::Made(Arc::clone(phrase))).unwrap();
        }
        assert!(cache.receive(None).is_none());
        assert!(matches!(cache.get(&key(1)), Known::Music(_)));
        for phrase in &made[16..] {
            generator.deliveries.push(Delivery::Made(Arc::clone(phrase))).unwrap();
        }
        assert!(cache.receive(Some(&made[0])).is_none());
        let back: Vec<i64> =
            std::iter::from_fn(|| generator.returned.pop().ok()).map(|p| p.number).collect();
        // 0 plays, and 1 was used.
        assert_eq!(back, [2, 3, 4, 5]);
    }

    #[test]
    fn restored_music_is_returned_at_once_and_found_by_its_key() {
        let (mut cache, mut generator) = cache();
        let saved = phrase(4);
        generator.deliveries.push(Delivery::Restored(Some(Arc::clone(&saved)), 7)).unwrap();
        generator.deliveries.push(Delivery::Restored(None, 8)).unwrap();
        let restored = cache.receive(None).unwrap();
        assert_eq!((restored.phrase.unwrap().id, restored.epoch), (saved.id, 7));
        assert!(matches!(cache.get(&key(4)), Known::Music(phrase) if phrase.id == saved.id));
        assert!(cache.receive(None).unwrap().phrase.is_none());
    }
}
