// The face of a client core that holds a conversation: a person or a script on one side, links
// (TCP connections), datagrams and a registry on the other. `login`, `room`, `netchat` and `meet`
// are such cores; peer/shell/conversation_run.* drives them all and holds every socket, the
// terminal and the clock. A core: no input or output, one caller at a time.
//
// After any call of a handle_ function the shell drains poll_action(), then asks for
// next_timeout(), wants_input() and wants_bytes(). None is called after Leave but those three.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/bytes.hpp"
#include "common/endpoint.hpp"
#include "common/exit_status.hpp"
#include "common/expected.hpp"
#include "common/time.hpp"
#include "common/user.hpp"
#include "peer/registry_protocol.hpp"

namespace peer {

using common::Duration;
using common::TimePoint;

/// Names one TCP connection, from Connect or handle_accepted until its handle_closed; afterwards
/// the core may use it again for another. The core's own choices are below kAcceptedLinkMin, those
/// of the shell, for accepted connections, are not.
enum class LinkId : std::uint32_t {};

class Conversation {
 public:
  /// The connection to the server, for a core whose shell has made it before start().
  static constexpr LinkId kServerLink{0};
  static constexpr LinkId kAcceptedLinkMin{1U << 31U};
  static constexpr bool is_accepted(LinkId link) { return link >= kAcceptedLinkMin; }

  /// Connections the shell holds at once. Beyond it nobody more is accepted until one is closed,
  /// and Connect fails.
  static constexpr std::size_t kAcceptedLinksMax = 128;
  static constexpr std::size_t kOwnLinksMax = 128;
  /// Bytes that wait for the other side of a link to take them; a link where more would wait is
  /// broken off. A core that is fed by a pipe wants no input long before (handle_sent).
  static constexpr std::size_t kUnsentMax = 4 * 1024 * 1024;
  /// After CloseLink the other side has so long to take what is left and to close, too.
  static constexpr Duration kCloseTime = std::chrono::seconds(2);
  /// Requests to the registry that are not answered yet.
  static constexpr std::size_t kRegistryRequestsMax = 16;

  /// One segment on that link, if the kernel has room for it. Before handle_connected it waits for
  /// the connection. On a link that is closed by now, or closing, it is dropped.
  struct Send {
    LinkId link;
    std::string bytes;
  };
  /// Bytes for standard output as they are, nothing from outside among them that a terminal would
  /// obey; handle_written tells what of them was written.
  struct Print {
    std::string text;
  };
  /// A line for standard error, without program name and line end.
  struct Note {
    std::string text;
    bool is_problem = false;  // not only a status line: to be seen when those are not wanted, too
  };
  /// The next line of input is the answer. The question is shown where there is a person; off a
  /// terminal nobody is asked, and the line means the same. Not after TakeCommands.
  struct Ask {
    std::string question;    // as it stands on the terminal, before what is typed
    bool is_secret = false;  // what is typed is not shown
  };
  /// All lines of input from now on are commands. On a terminal that can do it they are edited
  /// behind this prompt, and what arrives is shown above. Again: only another prompt.
  struct TakeCommands {
    std::string prompt;
  };
  /// Listen on all interfaces at that TCP port, 0 for a free one; handle_listening or
  /// handle_listen_failed follows, and handle_accepted for each who connects. One port at a time.
  struct Listen {
    std::uint16_t port = 0;
  };
  /// Nobody more is accepted. Harmless when nothing listens.
  struct StopListening {};
  /// Connect to `to`; handle_connected or, within `limit`, handle_closed with the reason follows.
  /// The link is below kAcceptedLinkMin and not in use.
  struct Connect {
    LinkId link;
    common::Endpoint to;
    Duration limit;
  };
  /// What was sent leaves, then the end of our side (FIN, never a reset); what still arrives is
  /// dropped. handle_closed follows when the other side has closed as well, or after kCloseTime.
  /// Harmless on a link that is closed by now. A link that no CloseLink names stays open until
  /// Leave, whatever becomes of the conversation.
  struct CloseLink {
    LinkId link;
    /// Of one that nothing was sent on: handle_closed follows without waiting for anybody, and
    /// whoever still says something is answered with a reset.
    bool is_at_once = false;
  };
  /// One datagram from a port of ours, always the same one. It may get lost, and nothing is heard
  /// of it.
  struct SendDatagram {
    common::Endpoint to;
    std::string bytes;
  };
  /// Ask the registry of the command line over HTTP; handle_registry_answer follows. Several are
  /// worked off, and answered, in their order.
  struct RegistryRequest {
    HttpRequest request;
    /// Of a registration: the body ends in `NAME@`, and the shell appends ADDRESS:PORT with this
    /// port and the address that the route to the registry begins at, which it alone knows.
    std::optional<std::uint16_t> own_port = {};
  };
  /// Leave with this status, after what was printed and sent has had a short time to go out, and
  /// with every link closed as CloseLink does. Nothing follows.
  struct Leave {
    common::ExitStatus status;
  };
  using Action = std::variant<Send, Print, Note, Ask, TakeCommands, Listen, StopListening, Connect,
                              CloseLink, SendDatagram, RegistryRequest, Leave>;

  /// Of a RegistryRequest. interpret_registration, interpret_list, interpret_lookup read it.
  struct RegistryAnswer {
    std::optional<common::Endpoint> own;  // what was appended; LOGOUT must name the same
    common::expected<HttpAnswer, ExchangeFailure> answer;
  };

  Conversation() = default;
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  virtual ~Conversation() = default;

  /// First of all, and once. kServerLink, if the shell makes one, is connected.
  virtual void start(TimePoint now) = 0;

  /// Something came on that link: one read's bytes, at least one. Only while wants_bytes.
  virtual void handle_bytes(TimePoint now, common::WallTime wall, LinkId link,
                            common::Bytes bytes) = 0;
  /// The link is no more, and nothing can be sent on it. `why`, a part of a sentence, says what
  /// broke it or why it could not be made ("connection refused"); empty if the other side closed
  /// it, or after CloseLink if everything sent was taken. Once for each link, but not after Leave.
  virtual void handle_closed(TimePoint now, LinkId link, std::string_view why) = 0;
  /// Connect has succeeded, and our end of it is `local`.
  virtual void handle_connected(TimePoint /*now*/, LinkId /*link*/,
                                const common::Endpoint& /*local*/) {}
  /// The kernel has taken so many more bytes of what was sent on that link.
  virtual void handle_sent(TimePoint /*now*/, LinkId /*link*/, std::size_t /*bytes*/) {}

  /// The answer to Listen: the port it is.
  virtual void handle_listening(TimePoint /*now*/, std::uint16_t /*port*/) {}
  /// The other answer: why nobody can connect, a sentence for a Note, and a fitting status.
  virtual void handle_listen_failed(TimePoint /*now*/, common::ExitStatus /*status*/,
                                    std::string_view /*why*/) {}
  /// Somebody at `from` connected to where we listen, at our address `local`. True to keep the
  /// link; else it is closed at once, and no handle_closed follows.
  [[nodiscard]] virtual bool handle_accepted(TimePoint /*now*/, LinkId /*link*/,
                                             const common::Endpoint& /*from*/,
                                             const common::Endpoint& /*local*/) {
    return false;
  }

  /// To the oldest RegistryRequest that has none.
  virtual void handle_registry_answer(TimePoint /*now*/, const RegistryAnswer& /*answer*/) {}

  /// A line of input without its LF (a CR before it may be there). It may be up to 2 MiB long and
  /// need not be UTF-8. Several may come at once after wants_input was true.
  virtual void handle_input_line(TimePoint now, std::string_view line) = 0;
  /// No more lines come: Ctrl-D, or the end of a pipe. Once.
  virtual void handle_input_end(TimePoint now) = 0;
  /// So many more bytes of what was printed are on standard output.
  virtual void handle_written(TimePoint now, std::size_t bytes) = 0;
  /// Standard output is closed: nothing more can be shown, and handle_written is called no more.
  virtual void handle_output_closed(TimePoint now) = 0;
  /// A signal: take leave of the others and leave with this status, soon; at once if it is the
  /// second.
  virtual void handle_stop(TimePoint now, common::ExitStatus status) = 0;

  /// Calling it early or twice is harmless.
  virtual void handle_timeout(TimePoint now) = 0;
  /// When to call handle_timeout; none: no timer runs.
  virtual std::optional<TimePoint> next_timeout() const = 0;

  /// What to do next, in order; nothing when there is no more.
  virtual std::optional<Action> poll_action() = 0;

  /// False while what is there has to be worked off first.
  virtual bool wants_input() const = 0;
  /// False to have the other side wait: what it sends stays with the kernel, and so does its end.
  virtual bool wants_bytes(LinkId link) const = 0;
};

}  // namespace peer
