// Which sequences of a session were received, to refuse repeats: a sliding bitmap after RFC 6479. A
// core; it belongs to one session.
#pragma once

#include <array>
#include <cstdint>

namespace peer::sealed {

class ReplayWindow {
 public:
  /// A sequence this many or more below the highest one marked counts as seen. Room for two
  /// thousand datagrams that overtake each other; at 1,200 bytes each that is 2.4 MB in flight.
  static constexpr std::uint64_t kSize = 2048;

  /// True for a sequence that was marked, is too old to tell, or lies beyond kSequenceEnd, which no
  /// honest sender reaches. Changes nothing.
  bool has_seen(std::uint64_t sequence) const;

  /// Remembers a sequence for which has_seen() is false. Only after its datagram's tag verified.
  void mark(std::uint64_t sequence);

  /// The highest sequence marked plus one; 0 before the first.
  std::uint64_t end() const { return end_; }

 private:
  static constexpr std::uint64_t kWordBits = 64;
  // Twice the window's words, so that clearing ahead never touches the window, and the place of a
  // word is a mask. A power of two.
  static constexpr std::uint64_t kWords = 2 * kSize / kWordBits;

  std::uint64_t end_ = 0;
  // Bit s % 64 of word (s / 64) % kWords stands for sequence s, for s in [end_ - kSize, end_).
  std::array<std::uint64_t, kWords> words_{};
};

}  // namespace peer::sealed
