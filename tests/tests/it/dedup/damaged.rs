//! A picture that is not whole is no picture: two that end in grey would be alike.

use cached_runtime::ErrorKind;
use cached_runtime::dedup::Checked;
use image::ImageFormat;

use super::{at, dedup_of, encoded, scene};
use crate::rig::World;

const PROGRESSIVE: &[u8] = include_bytes!("../image/data/progressive.jpg");
const MOVING: [&[u8]; 3] = [
    include_bytes!("../image/data/moving.gif"),
    include_bytes!("../image/data/moving.png"),
    include_bytes!("../image/data/moving.webp"),
];

#[tokio::test]
async fn a_picture_that_was_cut_off_is_refused_by_name_wherever_it_was_cut() {
    let world = World::new();
    let dedup = dedup_of(&world);
    let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::WebP];
    let mut wholes: Vec<Vec<u8>> = formats.into_iter().map(|format| encoded(&scene(1), format)).collect();
    wholes.push(PROGRESSIVE.to_vec());
    wholes.extend(MOVING.map(<[u8]>::to_vec));
    let mut refused = 0;
    for (whole, second) in wholes.iter().zip(1..) {
        let len = whole.len();
        for cut in [len / 4, len / 2, len * 3 / 4, len - 2] {
            let error = dedup.check_frame("v", at(second), whole[..cut].to_vec()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Codec, "{second} at {cut} of {len}: {error}");
            let timestamp = format!("{second}s");
            assert_eq!((error.context("video"), error.context("timestamp")), (Some("v"), Some(&*timestamp)));
            refused += 1;
        }
    }
    assert_eq!(dedup.stats().refused, refused);
    assert_eq!(dedup.video_stats("v").await.frames, 0, "nothing is remembered of them");
    // The control: whole they are all read.
    for (whole, second) in wholes.into_iter().zip(1..) {
        dedup.check_frame("v", at(second), whole).await.unwrap();
    }
}

#[tokio::test]
async fn a_webp_whose_canvas_lies_is_refused_before_it_is_decoded() {
    let world = World::new();
    let dedup = dedup_of(&world);
    // A frame of 96 × 64, lossless: it says so in 14 bits each, after a byte of its own.
    let plain = encoded(&scene(1), ImageFormat::WebP);
    assert_eq!(&plain[12..16], b"VP8L");
    let mut extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x5f\0\0\x3f\0\0".to_vec();
    extended.extend_from_slice(&plain[12..]);
    let length = u32::try_from(extended.len() - 8).unwrap();
    extended[4..8].copy_from_slice(&length.to_le_bytes());
    assert_eq!(dedup.check_frame("v", at(1), extended.clone()).await.unwrap(), Checked::New, "the control");
    // 16,384 × 16,384, under a canvas of 96 × 64.
    let frame = extended.windows(4).position(|name| name == b"VP8L").unwrap() + 9;
    let head = u32::from_le_bytes(extended[frame..frame + 4].try_into().unwrap()) | 0x0fff_ffff;
    extended[frame..frame + 4].copy_from_slice(&head.to_le_bytes());
    let mut moving = MOVING[2].to_vec();
    let frame = moving.windows(4).position(|name| name == b"VP8L").unwrap() + 9;
    let head = u32::from_le_bytes(moving[frame..frame + 4].try_into().unwrap()) | 0x0fff_ffff;
    moving[frame..frame + 4].copy_from_slice(&head.to_le_bytes());
    for lie in [extended, moving] {
        let error = dedup.check_frame("v", at(2), lie).await.unwrap_err();
        assert_eq!((error.kind(), error.context("format")), (ErrorKind::Codec, Some("WebP")));
        assert!(error.to_string().contains("its frame has not the size"), "by the walk, not the decoder: {error}");
    }
}
