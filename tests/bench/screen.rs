//! A display whose picture is a file: what is on it can be looked at without
//! asking the server, which has better things to do just then.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

const BYTES_PER_PIXEL: usize = 4;
/// Every line of text meets some of the rows that are looked at.
const STEP: usize = 4;

/// The picture of a `Display::File`.
pub(crate) struct Screen {
    path: PathBuf,
    picture: File,
    /// Where the pixels begin.
    start: usize,
    height: usize,
    bytes_per_row: usize,
}

impl Screen {
    /// Finds it in the display's folder.
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join("Xvfb_screen0");
        let picture = File::open(&path).unwrap();
        // X11/XWDFile.h: numbers of 32 bits, the most significant byte first;
        // then the colour map, 12 bytes a colour; then the rows.
        let field = |at: usize| {
            let mut bytes = [0; 4];
            picture.read_exact_at(&mut bytes, at as u64 * 4).unwrap();
            u32::from_be_bytes(bytes) as usize
        };
        let (header, height, bits, bytes_per_row, colours) =
            (field(0), field(5), field(11), field(12), field(19));
        assert_eq!(bits, 8 * BYTES_PER_PIXEL, "24 of them are colour");
        Self {
            start: header + 12 * colours,
            path,
            picture,
            height,
            bytes_per_row,
        }
    }

    /// How many pixels differ from the one before them: none on a blank page,
    /// thousands where text is.
    pub(crate) fn edges(&self) -> usize {
        let mut row = vec![0; self.bytes_per_row];
        let rows = (0..self.height).step_by(STEP).map(|at| {
            let place = self.start + at * self.bytes_per_row;
            self.picture.read_exact_at(&mut row, place as u64).unwrap();
            let (pixels, _) = row.as_chunks::<BYTES_PER_PIXEL>();
            pixels.windows(2).filter(|pair| pair[0] != pair[1]).count()
        });
        rows.sum()
    }

    /// Keeps the picture, in the X Window System's own format.
    pub(crate) fn keep(&self, path: &Path) {
        fs::copy(&self.path, path).unwrap();
    }
}
