// Messages to names, and from them: what the peer's modes drive. Finds out where a name is, keeps a
// session with it, and tells of each message exactly once what became of it; hands on what comes
// in, and what hooks made of it back (docs/protocol/sealed-datagram.md, "Delivery"). A core.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "common/expected.hpp"
#include "common/user.hpp"
#include "peer/sealed/session_table.hpp"
#include "peer/sealed/signed_receipt.hpp"

namespace peer::sealed {

class Messenger {
 public:
  struct Options {
    /// Messages have effects here: nothing that comes before a handshake is complete is handed on.
    bool has_hook = false;
  };
  /// `keys`, `gate` and `random` outlive it.
  Messenger(Options options, SessionKeyRing& keys, TrustGate& gate, common::Random& random,
            common::TimePoint now);

  struct Request {
    common::UserName to;
    MessageKind kind = MessageKind::kText;  // or kAsk
    Level level = Level::kDelivered;        // kHandled for an ask
    common::Bytes text;                     // copied
    common::TimePoint deadline;
    std::optional<MessageId> id;  // to send something again as what it was; else a new one
  };
  enum class SendError {
    kTooLong,  // over kTextBytesMax: nothing that could be sent
    kBusy,     // too much is unfinished; try again when something is finished
  };
  /// The message's id. From now on exactly one Outcome will tell what became of it.
  common::expected<MessageId, SendError> send(common::TimePoint now, const Request& request);

  /// What a directory says of a name.
  struct Found {
    common::Certificate certificate;
    common::Endpoint endpoint;
  };
  enum class NotFound {
    kUnknown,      // there is nobody of that name
    kNoKey,        // there is, but he speaks no sealed datagrams
    kUnavailable,  // the directory did not answer: asked again later
  };
  /// Answers a NeedLookup; or tells in advance, for a name that is about to be written to.
  void handle_lookup(common::TimePoint now, const common::UserName& name,
                     const common::expected<Found, NotFound>& answer);
  /// Answers a Question.
  void handle_admission(common::TimePoint now, const common::UserName& name,
                        const common::IdentityKey& identity, Admission admission);

  /// A message that came in, to give its receipt to.
  struct Handle {
    SessionId session = 0;
    MessageId id{};
    MessageKind kind = MessageKind::kText;
    /// What is to be signed for; nothing: no signature is wanted.
    std::optional<Digest> text = {};
  };
  /// What the hook made of a message that wanted to know. `output` (of an ask) is cut at
  /// kTextBytesMax.
  void handle_handled(common::TimePoint now, const Handle& handle, HandledResult result,
                      std::uint8_t status, common::Bytes output);

  /// A message that `wants_shown` is where its reader finds it.
  void handle_shown(common::TimePoint now, const Handle& handle) {
    handle_handled(now, handle, HandledResult::kShown, 0, {});
  }

  void handle_datagram(common::TimePoint now, common::WallTime wall_now,
                       const common::Endpoint& from, common::Bytes datagram);
  void handle_timeout(common::TimePoint now);
  std::optional<common::TimePoint> next_timeout() const;
  std::optional<SessionTable::Transmit> poll_transmit(common::TimePoint now,
                                                      std::span<std::byte> buffer) {
    return table_.poll_transmit(now, buffer);
  }
  /// From now on messages that come are not taken, and so not acknowledged; what is under way to
  /// others goes on.
  void stop_taking() { table_.stop_taking(); }
  /// Receipts given by handle_handled or handle_shown that are still on their way.
  std::size_t unfinished_receipts() const { return unfinished_receipts_; }
  /// Tells the others that this process ends. Afterwards poll_transmit until nothing comes.
  void leave();

  // Events. What they refer to is valid until the next call of poll_event or any handle_ function.
  struct Received {
    Handle handle;
    std::string_view sender;
    const common::IdentityKey* identity = nullptr;
    MessageKind kind = MessageKind::kText;
    /// The sender waits for handle_handled.
    bool wants_receipt = false;
    /// The sender waits for handle_shown.
    bool wants_shown = false;
    /// Came with the sender's first datagram: see docs/protocol/sealed-datagram.md, "What an
    /// INIT may cause".
    bool is_early = false;
    common::Bytes text;
  };
  enum class Result {
    kDelivered,        // the recipient's process has it
    kHandled,          // and its hook ran: see `receipt`
    kNotAcknowledged,  // nothing known by the deadline
    kKeyChanged,       // one side knows the other's name by another key
    kNotTrusted,       // one side does not want strangers
    kUnreachable,      // nobody of that name, or no way to ask
    kNoKey,            // there is somebody, but not with sealed datagrams
  };
  struct Outcome {
    MessageId id{};
    std::string_view to;
    Level wanted = Level::kDelivered;
    Result result = Result::kDelivered;
    /// Delivered, whatever became of it then.
    bool is_delivered = false;
    common::Endpoint path;       // where it was sent to last; 0.0.0.0:0 if it never was
    common::Duration elapsed{};  // from first sending to `result`, if delivered
    HandledResult handled = HandledResult::kExited;
    std::uint8_t status = 0;
    common::Bytes output;  // of an ask's hook
    /// What the recipient's identity has signed of it, if that was wanted and it has.
    std::shared_ptr<const SignedStatement> evidence = {};
  };
  /// Look the name up, then call handle_lookup.
  struct NeedLookup {
    std::string_view name;
  };
  /// Ask a person whether this key may speak for this name, then call handle_admission.
  struct Question {
    common::Certificate certificate;
  };
  using Event = std::variant<Received, Outcome, NeedLookup, Question>;
  std::optional<Event> poll_event(common::TimePoint now);

  /// Nothing that was sent is unfinished.
  bool is_idle() const { return unfinished_ == 0; }
  std::size_t unfinished() const { return unfinished_; }
  SessionTable& table() { return table_; }

  static constexpr std::size_t kPendingMax = 8192;  // messages for names not looked up yet
  static constexpr std::size_t kPendingBytesMax = 8 * 1024 * 1024;
  static constexpr std::size_t kReceiptsMax = 8192;                           // awaited
  static constexpr common::Duration kReceiptTime = std::chrono::seconds(60);  // to bring one back

 private:
  /// A message for a name that has no session yet.
  struct Pending {
    MessageId id{};
    MessageKind kind = MessageKind::kText;
    Level level = Level::kDelivered;
    common::ByteVector text;  // empty while it is handed on at once
    common::TimePoint deadline;
  };
  struct Contact {
    common::UserName name;
    std::optional<Found> found;
    std::optional<Found> candidate;  // waits for a person's word
    SessionId session = 0;
    bool is_session_asking = false;  // it needs a certificate to go on
    std::deque<Pending> pending;
    bool is_asked = false;            // a look-up is under way
    common::TimePoint next_lookup{};  // the earliest, kRefetchPause after the last
    bool has_timer = false;           // for the next look-up
  };
  /// A message whose receipt is awaited.
  struct Awaited {
    Level level = Level::kHandled;
    MessageKind kind = MessageKind::kText;
    std::optional<Digest> text = {};  // if a signature is wanted
    bool is_delivered = false;
    common::TimePoint begun;
    common::TimePoint deadline;
  };
  using AwaitedKey = std::pair<std::size_t, MessageId>;  // contact, message
  static constexpr std::uint64_t kReceiptTag = ~std::uint64_t{0};

  MessageId new_id();
  std::size_t contact_of(const common::UserName& name);
  std::optional<std::size_t> find_contact(const common::UserName& name) const;
  Session* session_of(common::TimePoint now, Contact& contact);
  bool try_hand_on(common::TimePoint now, std::size_t index, const Pending& message,
                   common::Bytes text);
  void hand_on_pending(common::TimePoint now, std::size_t index);
  void want_lookup(common::TimePoint now, std::size_t index);
  void use(common::TimePoint now, std::size_t index, const Found& found);
  std::shared_ptr<const SignedStatement> check_evidence(const Session& session,
                                                        const Receipt& receipt,
                                                        const Awaited& awaited) const;
  common::WallTime wall_at(common::TimePoint now) const;
  void fail_pending(std::size_t index, Result result);
  void fail_session(std::size_t index, Fate fate);
  Outcome outcome_of(std::size_t index, const MessageId& id, Level wanted, Result result);
  void handle_event(common::TimePoint now, const SessionEvent& event);
  void handle_done(common::TimePoint now, const SessionEvent& event);
  std::optional<Event> take(common::TimePoint now, const IncomingQueue::Incoming& incoming);
  std::optional<Event> take_receipt(common::TimePoint now, const Session& session,
                                    const IncomingQueue::Incoming& incoming);
  void expire(common::TimePoint now);
  void note_deadline(common::TimePoint deadline);

  Options options_;
  common::Random& random_;
  SessionKeyRing& keys_;
  TrustGate& gate_;
  SessionTable table_;
  std::deque<Contact> contacts_;  // one for each name ever written to
  std::unordered_map<std::string, std::size_t> by_name_;
  std::map<AwaitedKey, Awaited> awaited_;  // kReceiptsMax at most
  std::deque<Outcome> outcomes_;
  std::deque<std::size_t> lookups_;
  std::deque<Question> questions_;
  std::set<std::pair<common::TimePoint, std::size_t>> lookup_timers_;
  std::optional<common::TimePoint> next_deadline_;  // of pending and awaited ones, or earlier
  std::array<MessageId, 64> ids_{};
  std::size_t ids_left_ = 0;
  std::size_t unfinished_ = 0;
  std::size_t unfinished_receipts_ = 0;
  // As the shell last told it.
  common::WallTime wall_{};
  common::TimePoint wall_told_at_{};
  std::size_t pending_count_ = 0;  // kPendingMax at most
  std::size_t pending_bytes_ = 0;  // kPendingBytesMax at most
};

}  // namespace peer::sealed
