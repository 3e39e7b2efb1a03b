// The linear transforms of Winograd's convolution F(4x4, 3x3), on many tiles at once.
//
// A tile is 4x4 outputs, computed from 6x6 inputs. With u = G w G^T, v = B^T x B and m = sum over channels of u * v
// (element by element, 36 of them), y = A^T m A: 36 multiplications per tile, channel and filter where the definition
// takes 144 (Winograd 1980; Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks"). The polynomials
// behind it are evaluated at 0, +-3/4, +-3/2 and infinity: of the symmetric choices these lose the fewest bits
// (Barabasz et al. 2020, "Error Analysis and Improving the Accuracy of Winograd Convolution"); +-1 and +-2 lose twice
// as many.
//
// Tiles lie beside each other in a vector's lanes. A strip is a row of tiles of one image; strips are numbered through
// all images. Element e of 36 has a plane of its own: [rows, pitch], a row per channel (or filter), a place per tile.
#ifndef ADRET_OPS_KERNELS_CONV_WINOGRAD_TRANSFORMS_H_
#define ADRET_OPS_KERNELS_CONV_WINOGRAD_TRANSFORMS_H_

#include <cstdint>
#include <type_traits>
#include <vector>

namespace adret::kernels {

inline constexpr int64_t kWinogradTile = 4;       // outputs along a side
inline constexpr int64_t kWinogradElements = 36;  // of a transformed tile

// Images as rows of tiles. Tile (i, j) covers rows [4 i - top, 4 i - top + size) and columns [4 j - left, ...), where
// size is 6 for inputs and 4 for gradients; what lies outside of the image is zero, or ignored when written.
struct WinogradStrips {
  int64_t height, width;  // of an image
  int64_t image_stride;   // elements between images
  int64_t top, left;
  int64_t strips_per_image, tiles;  // tiles: per strip
  int64_t first, count;             // the strips of this call
};

// Elements of work memory that a transform of `strips` strips takes.
template <class T>
int64_t WinogradWork(int64_t tiles, int64_t strips);

// Inputs are transformed with a place more per strip than there are tiles, as tiles overlap. Bit i of word v tells
// whether place i of vector v is a tile; for up to `strips` strips.
template <class T>
std::vector<uint64_t> WinogradPlaces(int64_t tiles, int64_t strips);

// to[e * plane + row * pitch + tile] = element e of B^T x B (inputs) or A x A^T (gradients) for rows [0, rows): planes
// of the image at x + row * image_row. Writes a vector of zeros behind the last tile of a row, before the next row.
template <class T>
struct WinogradForward {
  WinogradStrips strips;
  bool gradient;
  const uint64_t* places;  // WinogradPlaces(); of inputs only
  const T* x;
  int64_t rows, image_row;
  T* to;
  int64_t pitch, plane;
  T* work;
};
template <class T>
void WinogradTransform(const WinogradForward<T>& f);

// to[e * to_plane + p * to_pitch + r] = from[e * plane + r * pitch + p] for rows r in [0, rows), places p in [0,
// places) and all elements e. Reads and writes whole vectors of rows: up to lanes - 1 rows more, whose numbers do not
// matter.
template <class T>
struct WinogradTranspose {
  const T* from;
  int64_t plane, pitch, rows, places;
  T* to;
  int64_t to_plane, to_pitch;
};
template <class T>
void TransposeWinograd(const WinogradTranspose<T>& t);

// The images of A^T m A (outputs) or, added where tiles overlap, B m B^T (gradients of inputs; `strips` are whole
// images then, and give their size) for rows [0, rows). work: WinogradInverseWork(pitch) elements.
template <class T>
struct WinogradInverse {
  WinogradStrips strips;
  bool input;
  const T* m;
  int64_t pitch, plane;
  T* y;
  int64_t rows, image_row;
  T* work;
};
template <class T>
int64_t WinogradInverseWork(int64_t pitch);
template <class T>
bool WinogradInverseTransform(const WinogradInverse<T>& f);

// to[e * plane + i] = element e of G w G^T for i < count, where the nine weights of filter i start at w + index[i], in
// reverse order when flipped. `index` has whole vectors, valid to the end.
template <class T>
struct WinogradFilters {
  using Index = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  const T* w;
  const Index* index;
  int64_t count;
  bool flipped;
  T* to;
  int64_t plane;
};
template <class T>
void WinogradTransformFilters(const WinogradFilters<T>& f);

// dw[9 i + tap] = G^T (sum over chunks, in order, of u) G for i < count; element e of chunk k is u[k * chunk + e *
// plane + i].
template <class T>
struct WinogradFilterInverse {
  const T* u;
  int64_t chunks, chunk, plane, count;
  T* dw;
};
template <class T>
void WinogradInverseFilters(const WinogradFilterInverse<T>& f);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CONV_WINOGRAD_TRANSFORMS_H_
