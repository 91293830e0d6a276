// The TCP connections between users of `meet`: one way each, from who writes to who reads. A core
// beside meet_client, which passes the actions on.
//
// A connection that was made stays: old programs stop listening to everybody when one of theirs
// ends. It is used again for the next chat with the same endpoint.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.hpp"
#include "common/rendezvous_frame.hpp"
#include "peer/conversation.hpp"

namespace peer {

class MeetLinks {
 public:
  static constexpr Duration kConnectTime = std::chrono::seconds(10);
  /// A partner's first text may be here before the registry's word that there is a chat, and his
  /// last one after its word that there is none any more.
  static constexpr Duration kEarlyTime = std::chrono::seconds(5);
  static constexpr std::size_t kEarlyMax = 16;
  /// Connections of ours kept at a time; the one unused for longest is closed for a new one.
  static constexpr std::size_t kOwnMax = Conversation::kOwnLinksMax - 8;
  /// Connections of others' kept at a time: one less than the shell holds, so that it still accepts
  /// who comes then.
  static constexpr std::size_t kAcceptedMax = Conversation::kAcceptedLinksMax - 1;
  /// From one address other than the present partner's and this machine's, where all are.
  static constexpr std::size_t kAcceptedPerSourceMax = 16;

  struct Received {
    common::WallTime time;
    std::string sender;
    std::string text;
  };

  /// There is a chat with this partner from now on; returns his texts that were early.
  std::vector<Received> begin_chat(TimePoint now, std::string_view partner,
                                   const common::Endpoint& endpoint);
  /// There is none any more; what the partner said before he knew is still his.
  void end_chat(TimePoint now);
  /// Ends what is written to the partner: the actions close the connection, if there is one, which
  /// is returned. When it is closed he has read all of it.
  std::optional<LinkId> finish(std::deque<Conversation::Action>& actions) const;

  /// Writes to the partner; the actions make a connection if there is none. There is a chat.
  void send(std::string frame, std::deque<Conversation::Action>& actions);
  std::size_t unsent() const { return unsent_; }
  /// Of it, what is for the present partner.
  std::size_t unsent_to_partner() const;
  void handle_sent(LinkId link, std::size_t bytes);

  /// False if its source has too many, or if there is no room. Room is made by the oldest that
  /// never brought a partner's text, the present partner's last: the actions close it.
  bool accept(LinkId link, const common::Endpoint& from, std::deque<Conversation::Action>& actions);
  /// The partner's texts among what came; `unknown` counts what was nothing of his.
  std::vector<Received> handle_bytes(TimePoint now, common::WallTime wall, LinkId link,
                                     std::string_view bytes, std::uint64_t& unknown);
  /// To whom something may not have arrived, if there were texts that nobody has taken.
  std::optional<std::string> handle_closed(LinkId link);
  /// To whom there are such texts.
  std::set<std::string> awaited_by() const;

 private:
  struct Own {
    common::Endpoint to;
    std::string partner;  // whom the last text was for
    std::size_t unsent = 0;
    std::uint64_t used = 0;  // higher: later
  };
  struct Accepted {
    common::IpAddress from;
    std::uint64_t since = 0;  // higher: later
    common::RendezvousSplitter input;
    bool has_brought_text = false;  // a partner's
    bool is_broken = false;         // no frame can be told from the next any more
  };
  struct Chat {
    std::string partner;
    common::Endpoint endpoint;
  };
  struct Early {
    TimePoint when;
    LinkId link;
    common::IpAddress from;
    Received received;
  };

  bool is_partner(TimePoint now, const common::IpAddress& from, std::string_view sender) const;
  bool is_at_partner(const common::IpAddress& from) const;
  std::optional<LinkId> oldest_idle() const;
  LinkId connect(const common::Endpoint& to, std::deque<Conversation::Action>& actions);

  std::optional<Chat> chat_;
  std::optional<Chat> last_chat_;  // before it, or if there is none
  TimePoint last_until_;           // its partner's texts are shown so long
  std::map<LinkId, Own> own_;
  std::map<common::Endpoint, LinkId> by_endpoint_;
  std::map<LinkId, Accepted> accepted_;
  std::deque<Early> early_;
  std::uint32_t last_link_ = 0;
  std::uint64_t uses_ = 0;
  std::uint64_t accepts_ = 0;
  std::size_t unsent_ = 0;
};

}  // namespace peer
