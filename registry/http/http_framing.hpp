// Bytes of one connection to complete requests, within hard limits and with RFC 9112's framing
// rules read strictly: what could be understood in two ways is refused. Old programs are told from
// others here, because their bodies end differently (docs/protocol/directory.md, "Old programs").
// A core; one caller at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.hpp"

namespace registry::http {

/// What sort of program a request shows itself to come from.
enum class Program {
  kModern,      // curl, browsers, libraries, our peer
  kOldClassic,  // the HTTP registry and UDP messenger: one read per answer
  kOldNetchat,  // the NetChat client: sends Connection: close, reads to the end
};

inline bool is_old(Program program) { return program != Program::kModern; }

struct HeaderField {
  std::string_view name;   // as sent
  std::string_view value;  // without surrounding blanks
};

/// One complete request. Its views point into the framing's buffer and hold until consume().
struct FramedRequest {
  std::string_view method;
  std::string_view target;
  int version_minor = 1;  // HTTP/1.x
  std::vector<HeaderField> fields;
  std::string_view body;  // whole, with any chunked coding removed
  bool keep_alive = true;
  Program program = Program::kModern;

  /// The value of the first field of that name, compared without case; empty if there is none.
  std::string_view field(std::string_view name) const;
  bool has_field(std::string_view name) const;
  /// The values of all fields of that name as one comma-separated list (RFC 9110, 5.3).
  std::string field_list(std::string_view name) const;
};

/// Why a connection's bytes are not a request; the number is the status to answer before closing.
enum class FramingError : int {
  kMalformed = 400,
  kTimeout = 408,
  kBodyTooLarge = 413,
  kTargetTooLong = 414,
  kUnsupportedBody = 415,
  kUnmetExpectation = 417,
  kHeadTooLarge = 431,
  kUnknownCoding = 501,
  kUnknownVersion = 505,
};

class HttpFraming {
 public:
  enum class State {
    kNeedBytes,     // nothing to do until more bytes, the end of input or a timeout
    kSendContinue,  // answer "100 Continue" now, then poll again
    kRequest,       // request() is complete; consume() goes on to the next
    kError,         // answer error() and close; nothing further is read
    kEnded,         // the other side closed between requests
  };

  /// `own_port` is the port this registry listens on: old programs leave it out of Host. The time
  /// for the first request begins at `now`.
  HttpFraming(common::TimePoint now, std::uint16_t own_port);

  /// Not while a request is complete: its views point into the buffer that this may move.
  void handle_bytes(common::TimePoint now, std::string_view bytes);
  void handle_end(common::TimePoint now);
  void handle_timeout(common::TimePoint now);
  std::optional<common::TimePoint> next_timeout() const { return deadline_; }

  State poll(common::TimePoint now);
  const FramedRequest& request() const { return request_; }
  FramingError error() const { return error_; }

  /// Drops the current request; the time for the next one begins at `now`.
  void consume(common::TimePoint now);

  /// True between two requests: nothing of the next one has come.
  bool is_idle() const { return phase_ == Phase::kIdle; }

 private:
  enum class Phase { kIdle, kHead, kBody, kOldBody, kChunks, kComplete, kFailed };
  enum class ChunkPart { kSize, kData, kDataEnd, kTrailer };

  State fail(FramingError error);
  State find_head(common::TimePoint now);
  bool has_bare_lf(std::size_t head_bytes) const;
  bool parse_head(std::string_view head);
  bool parse_request_line(std::string_view line);
  bool parse_field(std::string_view line);
  bool plan_body();
  bool plan_body_length();
  void detect_program();
  bool takes_continue();
  State read_body();
  State read_old_body(common::TimePoint now);
  State read_chunks();
  State complete(std::string_view body, std::size_t end);

  std::uint16_t own_port_;
  std::string in_;           // bytes not consumed yet
  std::size_t at_ = 0;       // where the current request begins in in_
  std::size_t scanned_ = 0;  // how far a search in in_ has got, so that slow senders cost O(n)
  Phase phase_ = Phase::kIdle;
  bool ended_ = false;
  std::size_t empty_lines_ = 0;
  std::optional<common::TimePoint> deadline_;
  std::optional<common::TimePoint> old_body_deadline_;

  // Of the request under way.
  const char* parsed_at_ = nullptr;  // in_.data() when the head was parsed
  std::size_t body_at_ = 0;
  std::size_t body_bytes_ = 0;  // declared; for an old program a minimum
  bool has_length_ = false;
  bool chunked_ = false;
  bool continue_wanted_ = false;
  ChunkPart chunk_part_ = ChunkPart::kSize;
  std::size_t chunk_left_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::string chunk_body_;
  std::size_t end_ = 0;  // one past the complete request
  FramedRequest request_;
  FramingError error_ = FramingError::kMalformed;
};

}  // namespace registry::http
