// The TCP side of a conversation: its connections by LinkId, connecting, open and closing, and the
// port it listens on. A shell, in one thread: it polls nothing itself, and decides nothing that
// the core could.
#pragma once

#include <poll.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "peer/conversation.hpp"

namespace peer {

class Links {
 public:
  /// The conversation outlives this.
  explicit Links(Conversation& conversation) : conversation_(conversation) {}

  /// A connection as Conversation::kServerLink.
  void adopt_server(common::os::UniqueFd connected);

  // What a conversation asks for, as it is said there.
  void send(const Conversation::Send& send);
  void connect(const Conversation::Connect& connect);
  void close(LinkId link, bool is_at_once = false);
  void listen(std::uint16_t port);
  void stop_listening() { listener_.reset(); }

  /// Adds what is to be polled for.
  void add_to(std::vector<pollfd>& fds);
  /// Deals with what poll() has found for those of the last add_to(), `fds` being theirs. `settle`
  /// is called after each that the conversation has heard of.
  void handle_events(const pollfd* fds, const std::function<void()>& settle);
  void handle_timeout();
  /// When to call handle_timeout.
  std::optional<TimePoint> next_timeout() const;

  /// The conversation is over and hears nothing more: every link is closed as CloseLink does.
  void close_all();
  bool is_empty() const { return links_.empty(); }
  bool has_unsent() const;

 private:
  enum class State { kConnecting, kOpen, kClosing };
  struct Link {
    common::os::UniqueFd fd;
    std::uint64_t serial;  // another link of the same id has another
    State state = State::kOpen;
    bool is_to_close = false;  // by CloseLink: once it is open
    bool has_sent_end = false;
    std::optional<TimePoint> deadline = {};  // of the connecting or closing
    std::string unsent = {};
    std::string lost = {};  // why some of what was sent could not be
  };
  struct Polled {
    LinkId link;
    std::uint64_t serial;
  };

  void add(LinkId link, common::os::UniqueFd fd, State state, std::optional<TimePoint> deadline);
  Link* find(const Polled& polled);
  bool has_room(LinkId like) const;
  void handle_link_event(LinkId id, Link& link, short events);
  void finish_connecting(LinkId id, Link& link);
  void read(LinkId id, Link& link);
  bool reads(LinkId id, const Link& link) const;
  void send_unsent(LinkId id, Link& link);
  void begin_closing(LinkId id, Link& link);
  /// The link is no more, and the conversation is told.
  void end(LinkId id, std::string_view why);
  void accept_all(const std::function<void()>& settle);
  bool accept_one();
  LinkId next_accepted_id();

  Conversation& conversation_;
  bool is_over_ = false;
  std::map<LinkId, Link> links_;
  std::uint64_t serial_ = 0;
  std::uint32_t accepted_ = 0;  // in all
  common::os::UniqueFd listener_;
  std::optional<TimePoint> accept_after_;  // the process has no descriptor to spare
  std::vector<Polled> polled_;             // by the last add_to(), behind the listener
};

}  // namespace peer
