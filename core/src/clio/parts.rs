//! How a document of a given length is cut for upload: pure arithmetic.
//!
//! | fact (Clio: Documents) | here |
//! | --- | --- |
//! | multipart is recommended from 100 MB | below, one PUT |
//! | a part has at least 5 MB, the last one any size | 16 MiB, more for larger documents |
//! | 50 parts per request | one call to Clio more per further 50 |
//! | 10,000 parts per document | parts grow so that this suffices for any length |
//!
//! Up to 50 parts are named in the creating POST and cost no call of their own, so up to 5 GB the
//! parts grow instead of their number. They grow to 100 MB and not further: a part is what is sent
//! again when a connection breaks.

/// From this length on a document goes up in parts.
const MULTIPART_FROM: u64 = 100_000_000;
/// What a part has at least. 5 MB is Clio's bound; in binary, because the storage counts that way.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
/// What a part has unless the document is large.
const USUAL_PART: u64 = 16 * 1024 * 1024;
/// To this size parts grow before their number does.
const LARGE_PART: u64 = 100_000_000;
/// Parts named in one request.
pub const PARTS_PER_REQUEST: usize = 50;
/// Parts of a document.
pub const MOST_PARTS: u64 = 10_000;

const _: () = assert!(SMALLEST_PART <= USUAL_PART && USUAL_PART <= LARGE_PART);

/// One part of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// The first byte.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// How a document is cut, and how many parts one request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartPlan {
    parts: Vec<Part>,
    batch: usize,
}

impl PartPlan {
    /// Plans a document of `len` bytes.
    #[must_use]
    pub fn new(len: u64) -> Self {
        if len < MULTIPART_FROM {
            return Self { parts: Vec::new(), batch: PARTS_PER_REQUEST };
        }
        let size = part_size(len);
        let mut parts = Vec::new();
        let mut offset = 0;
        let mut number = 0;
        while offset < len {
            number += 1;
            let part = Part { number, offset, len: size.min(len - offset) };
            offset += part.len;
            parts.push(part);
        }
        Self { parts, batch: PARTS_PER_REQUEST }
    }

    /// With at most so many parts in a request, for a line on which the addresses of fifty expire
    /// before their turn. Costs more calls.
    #[must_use]
    pub fn in_batches_of(self, parts: usize) -> Self {
        Self { batch: parts.clamp(1, PARTS_PER_REQUEST), ..self }
    }

    /// How many parts a request names at most.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Whether it goes up in parts; else in one PUT.
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        !self.parts.is_empty()
    }

    /// The parts that the creating POST names. None for a single PUT.
    #[must_use]
    pub fn first_batch(&self) -> &[Part] {
        &self.parts[..self.parts.len().min(self.batch)]
    }

    /// The parts in batches of one request each; the first is [`first_batch`](Self::first_batch).
    /// None for a single PUT.
    pub fn batches(&self) -> impl Iterator<Item = &[Part]> {
        self.parts.chunks(self.batch)
    }

    /// Calls to Clio for one document without faults: POST, finishing PATCH, and one PATCH per
    /// further batch. PUTs go to the storage and do not count.
    #[must_use]
    pub fn calls(&self) -> u32 {
        let further = self.parts.len().div_ceil(self.batch).saturating_sub(1);
        u32::try_from(further).unwrap_or(u32::MAX).saturating_add(2)
    }
}

fn part_size(len: u64) -> u64 {
    let for_one_request = len.div_ceil(PARTS_PER_REQUEST as u64).clamp(USUAL_PART, LARGE_PART);
    for_one_request.max(len.div_ceil(MOST_PARTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths at and around every bound, and a thousand in between.
    fn lengths() -> impl Iterator<Item = u64> {
        let bounds = [
            MULTIPART_FROM,
            USUAL_PART * PARTS_PER_REQUEST as u64,
            LARGE_PART * PARTS_PER_REQUEST as u64,
            LARGE_PART * 2 * PARTS_PER_REQUEST as u64,
            LARGE_PART * MOST_PARTS,
            1 << 40,
            u64::MAX / 2,
        ];
        let around = bounds.into_iter().flat_map(|bound| (bound - 3..=bound + 3).chain([bound * 2 - 1]));
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let random = (0..1000).map(move |index| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> (index % 40)
        });
        [0, 1, u64::MAX].into_iter().chain(around).chain(random)
    }

    #[test]
    fn parts_cover_every_byte_once_and_keep_clios_limits() {
        for len in lengths() {
            let plan = PartPlan::new(len);
            if len < MULTIPART_FROM {
                assert!(!plan.is_multipart() && plan.first_batch().is_empty() && plan.calls() == 2, "{len}");
                continue;
            }
            assert!(plan.parts.len() as u64 <= MOST_PARTS, "{len}");
            let mut offset = 0;
            for (index, part) in plan.parts.iter().enumerate() {
                assert_eq!((part.number as usize, part.offset), (index + 1, offset), "{len}");
                assert!(part.len > 0, "{len}");
                offset += part.len;
                assert!(part.len >= SMALLEST_PART || offset == len, "only the last part of {len} may be small");
            }
            assert_eq!(offset, len);
        }
    }

    #[test]
    fn batches_are_the_parts_in_order_fifty_at_a_time() {
        for len in lengths() {
            let plan = PartPlan::new(len);
            assert!(plan.batches().all(|batch| (1..=PARTS_PER_REQUEST).contains(&batch.len())), "{len}");
            assert_eq!(plan.batches().flatten().copied().collect::<Vec<_>>(), plan.parts, "{len}");
            assert_eq!(plan.batches().next().unwrap_or_default(), plan.first_batch(), "{len}");
            assert_eq!(plan.calls() as usize, 1 + plan.batches().count().max(1), "{len}");
        }
    }

    #[test]
    fn smaller_batches_name_the_same_parts() {
        let plan = PartPlan::new(5_150_000_000);
        for (asked, batch) in [(0, 1), (1, 1), (7, 7), (50, 50), (51, 50)] {
            let small = plan.clone().in_batches_of(asked);
            assert_eq!((small.batch(), small.first_batch().len()), (batch, batch));
            assert_eq!(small.batches().flatten().copied().collect::<Vec<_>>(), plan.parts);
            assert_eq!(small.calls() as usize, 1 + small.batches().count());
        }
    }

    #[test]
    fn a_document_below_five_gigabytes_costs_two_calls() {
        for len in [0, 99_999_999, 100_000_000, 1 << 30, 5_000_000_000] {
            assert_eq!(PartPlan::new(len).calls(), 2, "{len}");
        }
        assert_eq!(PartPlan::new(5_000_000_001).calls(), 3);
        assert_eq!(PartPlan::new(20_000_000_000).parts.len(), 200);
    }
}
