// One message or signal of ours to another NetChat program: connected, said, and what came of it.
// Old programs read once and close without a word; ours say whether they took it
// (docs/protocol/netchat.md, "Replies"). A core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "peer/conversation.hpp"

namespace peer {

class NetchatCall {
 public:
  /// For the connection to come about.
  static constexpr Duration kConnectTime = std::chrono::seconds(3);
  /// For the other program to answer, or to close, with the connection open; it may have to ask its
  /// registry first. Then we close, for those who read to the end.
  static constexpr Duration kReplyTime = std::chrono::seconds(5);

  struct Outcome {
    enum class Kind {
      kTaken,     // his program said so
      kHanded,    // an old program has read it
      kRefused,   // his program said that it will not
      kFailed,    // nobody there, or it broke; `why` is a part of a sentence
      kNoAnswer,  // it may have been read, or not
      kForeign,   // whoever is there speaks something else
    } kind;
    std::string why = {};
  };

  /// `id` is the one in the message. The link is closed by the caller where `closes_link` says so.
  NetchatCall(LinkId link, std::string id) : link_(link), id_(std::move(id)) {}

  LinkId link() const { return link_; }
  void handle_connected(TimePoint now) { reply_by_ = now + kReplyTime; }
  std::optional<Outcome> handle_bytes(std::string_view bytes);
  std::optional<Outcome> handle_closed(TimePoint now, std::string_view why);
  /// True when it is time to close our side.
  bool closes_link(TimePoint now);
  std::optional<TimePoint> next_timeout() const { return closed_at_ ? std::nullopt : reply_by_; }

 private:
  LinkId link_;
  std::string id_;
  std::string reply_;
  std::optional<TimePoint> reply_by_;   // once connected
  std::optional<TimePoint> closed_at_;  // our side
};

}  // namespace peer
