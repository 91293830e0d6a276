// Connections of those who send us NetChat messages: bytes in any pieces to one message or signal
// each, within bounds (docs/protocol/netchat.md, "Receiving"). A core.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.hpp"
#include "common/netchat_message.hpp"
#include "common/time.hpp"
#include "peer/conversation.hpp"

namespace peer {

class NetchatInbox {
 public:
  /// Connections at once, and from one address other than this machine's.
  static constexpr std::size_t kLinksMax = 64;
  static constexpr std::size_t kLinksPerSourceMax = 16;
  /// Old programs send as much as a person types; ours 1,024 bytes.
  static constexpr std::size_t kBytesMax = 16 * 1024;
  /// From the connection to the message's end.
  static constexpr Duration kMessageTime = std::chrono::seconds(5);
  /// After a quote that may be the last, for more to come or for the connection to close.
  static constexpr Duration kQuoteGrace = std::chrono::milliseconds(300);

  struct Arrived {
    LinkId link;  // forgotten here
    common::IpAddress from;
    common::WallTime wall;  // when the last of it came
    common::NetchatSignal signal;
  };

  /// False if there is no room for another connection.
  bool accept(TimePoint now, LinkId link, const common::IpAddress& from);
  bool holds(LinkId link) const { return links_.contains(link); }

  /// What came on a connection that is held. If it is whole now, the link is forgotten.
  std::optional<Arrived> push(TimePoint now, common::WallTime wall, LinkId link,
                              std::string_view bytes);
  /// The other side has closed, so what there is is whole; nothing if that is nothing, or if the
  /// connection broke.
  std::optional<Arrived> end(LinkId link, bool is_broken);
  /// Connections that were not ended in time: forgotten, with what looks whole on them.
  struct Overdue {
    LinkId link;
    std::optional<Arrived> arrived;
  };
  std::vector<Overdue> take_overdue(TimePoint now);
  /// Nothing is read now: nobody is late.
  void postpone(TimePoint now);
  std::optional<TimePoint> next_timeout() const;

  /// A connection that brought too much, once: it is forgotten here.
  std::optional<LinkId> take_overlong();

 private:
  struct Link {
    common::IpAddress from;
    common::WallTime wall;
    TimePoint end_by;
    TimePoint due;
    std::string bytes;
  };

  std::optional<Arrived> take(LinkId link);

  std::map<LinkId, Link> links_;
  std::vector<LinkId> overlong_;
};

}  // namespace peer
