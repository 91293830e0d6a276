// Messages on their way from a core to the program above it: one growing piece of memory, used
// again when it has been emptied, so that a message costs no allocation. A core.
#pragma once

#include <cstdint>
#include <vector>

#include "common/bytes.hpp"
#include "peer/sealed/frames.hpp"

namespace peer::sealed {

class IncomingQueue {
 public:
  struct Incoming {
    std::uint64_t session = 0;  // that it came by
    MessageKind kind = MessageKind::kText;
    Level level = Level::kDelivered;
    MessageId id{};
    bool is_early = false;  // came before the handshake was complete
    common::Bytes body;     // valid until the next push after the queue was found empty
  };

  /// Copies the body.
  void push(const Incoming& message) {
    if (next_ == entries_.size()) {  // all have been taken
      entries_.clear();
      bytes_.clear();
      next_ = 0;
      if (bytes_.capacity() > kKeptBytesMax) bytes_ = {};
    }
    entries_.push_back({message, bytes_.size(), message.body.size()});
    bytes_.insert(bytes_.end(), message.body.begin(), message.body.end());
  }

  bool is_empty() const { return next_ == entries_.size(); }
  /// The oldest that was not taken; nothing when there is none. Valid until the next push.
  const Incoming* pop() {
    if (is_empty()) return nullptr;
    Entry& entry = entries_[next_++];
    entry.message.body = common::Bytes(bytes_).subspan(entry.begin, entry.size);
    return &entry.message;
  }

 private:
  static constexpr std::size_t kKeptBytesMax = 256 * 1024;

  struct Entry {
    Incoming message;
    std::size_t begin = 0;
    std::size_t size = 0;
  };

  std::vector<Entry> entries_;
  common::ByteVector bytes_;
  std::size_t next_ = 0;
};

}  // namespace peer::sealed
