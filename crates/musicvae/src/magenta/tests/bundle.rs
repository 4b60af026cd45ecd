//! TensorFlow bundles, written here by LevelDB's and TensorFlow's rules, in a folder and in a tar.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// LevelDB's mask, the inverse of the code under test.
fn masked_crc(bytes: &[u8]) -> u32 {
    let crc = crc32c::crc32c(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A block of pairs in which each key shares its longest common prefix with the previous one.
fn block(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut before: &[u8] = &[];
    for (key, value) in pairs {
        let shared = before.iter().zip(key).take_while(|(a, b)| a == b).count();
        bytes.extend(varint(shared));
        bytes.extend(varint(key.len() - shared));
        bytes.extend(varint(value.len()));
        bytes.extend(&key[shared..]);
        bytes.extend(value);
        before = key;
    }
    // One restart point, at the beginning.
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes
}

/// A table with several data blocks.
fn table(pairs: &[(Vec<u8>, Vec<u8>)], snappy: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut append = |contents: Vec<u8>| {
        let (contents, compression) = if snappy {
            (snap::raw::Encoder::new().compress_vec(&contents).unwrap(), 1)
        } else {
            (contents, 0)
        };
        let handle = [varint(bytes.len()), varint(contents.len())].concat();
        let checked = [contents, vec![compression]].concat();
        bytes.extend(&checked);
        bytes.extend(masked_crc(&checked).to_le_bytes());
        handle
    };
    let mut index = Vec::new();
    for pairs in pairs.chunks(6) {
        index.push((pairs.last().unwrap().0.clone(), append(block(pairs))));
    }
    let meta_index = append(block(&[]));
    let index = append(block(&index));
    let mut footer = [meta_index, index].concat();
    footer.resize(40, 0);
    footer.extend(0xdb47_7524_8b80_fb57_u64.to_le_bytes());
    bytes.extend(footer);
    bytes
}

/// Writes a checkpoint with two data files and every other tensor in each.
fn write(folder: &Path, tensors: &BTreeMap<String, HostTensor>, snappy: bool) {
    // num_shards = 2; a version with producer = 1.
    let mut pairs = vec![(Vec::new(), vec![0x08, 2, 0x1a, 2, 0x08, 1])];
    let mut shards = [Vec::new(), Vec::new()];
    for (i, (name, tensor)) in tensors.iter().enumerate() {
        let bytes: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let shape: Vec<u8> = tensor
            .shape
            .iter()
            .flat_map(|size| {
                let dim = [vec![0x08], varint(*size)].concat();
                [vec![0x12], varint(dim.len()), dim].concat()
            })
            .collect();
        let shard = &mut shards[i % 2];
        let mut entry = [vec![0x08, 1, 0x12], varint(shape.len()), shape].concat();
        // Zeros are omitted, as in Protocol Buffers.
        if i % 2 == 1 {
            entry.extend([0x18, 1]);
        }
        if !shard.is_empty() {
            entry.extend([vec![0x20], varint(shard.len())].concat());
        }
        entry.extend([vec![0x28], varint(bytes.len())].concat());
        entry.push(0x35);
        entry.extend(masked_crc(&bytes).to_le_bytes());
        shard.extend(bytes);
        pairs.push((name.clone().into_bytes(), entry));
    }
    fs::write(folder.join("model.ckpt-7.index"), table(&pairs, snappy)).unwrap();
    for (i, shard) in shards.iter().enumerate() {
        fs::write(folder.join(format!("model.ckpt-7.data-0000{i}-of-00002")), shard).unwrap();
    }
}

/// The checkpoint of a model in training, including the variables that only training needs.
fn with_optimizer(model: &MusicVae) -> BTreeMap<String, HostTensor> {
    let mut tensors = magenta(model);
    let scalar = || HostTensor { shape: vec![], values: vec![0.9] };
    tensors.insert("beta1_power".to_owned(), scalar());
    tensors.insert("global_step".to_owned(), scalar());
    tensors.insert("encoder/mu/bias/Adam".to_owned(), tensors["encoder/mu/bias"].clone());
    tensors
}

#[test]
fn a_bundle_gives_the_weights_it_was_made_of_compressed_or_not() {
    let model = model(EncoderInput::Class);
    for snappy in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &with_optimizer(&model), snappy);
        for name in ["", "model.ckpt-7.index", "model.ckpt-7"] {
            let path = folder.path().join(name);
            let checkpoint = Checkpoint::open(&path).unwrap();
            assert_eq!(checkpoint.form(), Form::TensorFlow);
            assert_same(&checkpoint.model(&Device::flex()).unwrap(), &model);
        }
    }
}

#[test]
fn of_several_checkpoints_one_must_be_named() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model(EncoderInput::Class));
    write(folder.path(), &magenta(&model), false);
    let other = folder.path().join("model.ckpt-20.index");
    fs::copy(folder.path().join("model.ckpt-7.index"), other).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains(
            "it contains several (`model.ckpt-20.index`, `model.ckpt-7.index`); name one of them"
        ),
        "{error}"
    );
    let named = Checkpoint::open(&folder.path().join("model.ckpt-7")).unwrap();
    assert_same(&named.model(&Device::flex()).unwrap(), &model);
}

#[test]
fn a_tar_is_read_where_it_lies() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model(EncoderInput::DrumRoll));
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    write(&inside, &with_optimizer(&model), false);
    let path = folder.path().join("checkpoint.tar");
    let mut archive = tar::Builder::new(fs::File::create(&path).unwrap());
    archive.append_dir_all("some/folder", &inside).unwrap();
    archive.finish().unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    assert_same(&checkpoint.model(&Device::flex()).unwrap(), &model);

    // An archive ends with 1024 bytes of zeros, after the end of the last file.
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 2048]).unwrap();
    let error = Checkpoint::open(&path).unwrap_err().to_string();
    assert!(error.contains("checkpoint.tar contains no checkpoint"), "{error}");
    fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
    let error = Checkpoint::open(&path).unwrap_err().to_string();
    assert!(error.contains("compressed with gzip; unpack it first"), "{error}");
}

#[test]
fn a_changed_byte_anywhere_is_found_by_a_checksum_or_is_in_no_weight() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model(EncoderInput::Class));
    write(folder.path(), &magenta(&model), true);
    let load = || Checkpoint::open(folder.path()).and_then(|c| c.model(&Device::flex()));
    for name in ["model.ckpt-7.index", "model.ckpt-7.data-00001-of-00002"] {
        let path = folder.path().join(name);
        let good = fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            match load() {
                Err(ImportError::Damaged { file, .. }) => assert_eq!(file, name, "byte {at}"),
                // Only the zeros that pad the footer are unused.
                Ok(_) => assert!(at >= good.len() - 48 && name.ends_with("index"), "byte {at}"),
                Err(other) => panic!("byte {at} of {name}: {other}"),
            }
        }
        for len in (0..good.len()).step_by(29) {
            fs::write(&path, &good[..len]).unwrap();
            let error = load().unwrap_err();
            assert!(matches!(error, ImportError::Damaged { .. }), "{len} bytes of {name}: {error}");
        }
        fs::write(&path, &good).unwrap();
    }
    assert_same(&load().unwrap(), &model);
}

/// A table whose index block contains arbitrary bytes, with the correct checksum.
fn table_around(contents: &[u8], compression: u8) -> Vec<u8> {
    let mut bytes = [contents, &[compression]].concat();
    bytes.extend(masked_crc(&bytes).to_le_bytes());
    let handle = [varint(0), varint(contents.len())].concat();
    let mut footer = handle.repeat(2);
    footer.resize(40, 0);
    footer.extend(0xdb47_7524_8b80_fb57_u64.to_le_bytes());
    [bytes, footer].concat()
}

#[test]
fn a_block_that_claims_to_be_huge_is_refused_before_memory_is_reserved() {
    // Two gibibytes in seven bytes.
    let contents = [varint(1 << 31), vec![0, 0]].concat();
    let error = sstable::pairs(&table_around(&contents, 1)).unwrap_err();
    assert_eq!(error, "the block at 0 claims 2147483648 bytes");
    assert_eq!(
        sstable::pairs(&table_around(&[0; 8], 7)).unwrap_err(),
        "the block at 0 has the unknown compression [7]"
    );
}

proptest! {
    #[test]
    fn hostile_blocks_and_messages_are_refused_without_a_panic(
        contents in proptest::collection::vec(any::<u8>(), 0..120), compression in 0_u8..2,
    ) {
        let table = table_around(&contents, compression);
        let pairs = sstable::pairs(&table).unwrap_or_default();
        let n_bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
        prop_assert!(n_bytes <= sstable::MAX_TABLE_LEN);
        let fields = wire::fields(&contents).unwrap_or_default();
        prop_assert!(fields.len() <= contents.len());
    }
}

#[test]
fn a_data_file_that_is_missing_leaves_its_tensors_out() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model(EncoderInput::Class));
    write(folder.path(), &magenta(&model), false);
    fs::remove_file(folder.path().join("model.ckpt-7.data-00001-of-00002")).unwrap();
    let missing = Checkpoint::open(folder.path()).unwrap().missing().unwrap();
    assert_eq!(missing.len(), magenta(&model).len() / 2);
}
