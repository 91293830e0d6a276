#include "registry/shell/http_connection.hpp"

#include <sys/socket.h>

#include "registry/http/limits.hpp"
#include "registry/http/short_way.hpp"

namespace registry {

namespace ip = asio::ip;
using common::os::monotonic_now;
using http::EngineAnswer;
using http::HttpFraming;
using std::error_code;

void HttpConnection::read() {
  if (is_reading_ || has_ended_ || phase_ == Phase::kClosed) return;
  is_reading_ = true;
  socket_.async_read_some(asio::buffer(buffer_),
                          [self = shared_from_this()](const error_code& failed, std::size_t bytes) {
                            self->handle_read(failed, bytes);
                          });
}

void HttpConnection::handle_read(const error_code& failed, std::size_t bytes) {
  is_reading_ = false;
  if (phase_ == Phase::kClosed) return;
  if (failed && failed != asio::error::eof) return close();
  if (phase_ == Phase::kDraining) {
    drained_bytes_ += bytes;
    if (failed || drained_bytes_ > http::kDrainBytesMax) return close();
    return read();
  }
  has_ended_ = has_ended_ || failed;
  if (is_waiting_) {
    // A timeout has completed a request while this read was open. Its views would not survive
    // further bytes in the framing's buffer; they are taken up when it is answered.
    early_.assign(buffer_.data(), bytes);
    return;
  }
  if (failed) {
    framing_.handle_end(monotonic_now());
  } else if (phase_ == Phase::kServing) {
    framing_.handle_bytes(monotonic_now(), {buffer_.data(), bytes});
  }
  process();
}

// Runs what has arrived, sends what is ready, and reads on if that may bring something new.
void HttpConnection::process() {
  bool may_run = true;
  do {
    while (may_run && is_ready_to_run()) may_run = run_framing();
    flush();  // may make room for further answers, whose requests have arrived already
  } while (may_run && is_ready_to_run());
  if (is_ready_to_run()) read();
}

bool HttpConnection::is_ready_to_run() const {
  return phase_ == Phase::kServing && !is_waiting_ && out_bytes_ <= http::kPendingAnswerBytesMax;
}

// One step of the framing; false when it needs more bytes or nothing more will happen.
bool HttpConnection::run_framing() {
  switch (framing_.poll(monotonic_now())) {
    case HttpFraming::State::kNeedBytes:
      return false;
    case HttpFraming::State::kSendContinue:
      queue("HTTP/1.1 100 Continue\r\n\r\n");
      return true;
    case HttpFraming::State::kRequest:
      run_request();
      return true;
    case HttpFraming::State::kError:
      answer_framing_error();
      return false;
    case HttpFraming::State::kEnded:
      phase_ = Phase::kLastAnswer;
      return false;
  }
  return false;
}

void HttpConnection::run_request() {
  const http::FramedRequest& request = framing_.request();
  if (const auto* ready = door_.node().api().ready_list(request, source_, local_)) {
    return finish_request(
        {ready->plain_head + std::string(http::head_end(keeps_alive())), ready->body});
  }
  if (auto ready = door_.node().api().ready_lookup(request, source_, local_)) {
    ready->head += http::head_end(keeps_alive());
    return finish_request({ready->head + ready->body, nullptr});
  }
  if (const auto post = http::read_short_post(request, source_, local_)) return run_post(*post);
  bool is_parked = false;
  bool is_held = false;
  EngineAnswer answer = run_engine([&](const http::ApiRequest& parsed) -> http::ApiResponse {
    auto result = door_.node().handle(monotonic_now(), common::os::wall_now(), ticket_, parsed);
    if (auto* held = std::get_if<http::HeldResponse>(&result)) {
      is_held = true;
      return std::move(held->response);
    }
    if (auto* done = std::get_if<http::ApiResponse>(&result)) return std::move(*done);
    is_parked = true;
    return {};
  });
  door_.after_request();
  is_waiting_ = is_held || is_parked;
  if (!is_waiting_) return finish_request(std::move(answer));
  if (is_held) held_ = std::move(answer);
}

void HttpConnection::run_post(const http::ApiRequest& request) {
  auto result = door_.node().handle(monotonic_now(), common::os::wall_now(), ticket_, request);
  door_.after_request();
  const auto write = [&](http::ApiResponse& response) -> EngineAnswer {
    if (auto answer = http::write_short(response, keeps_alive()))
      return {*std::move(answer), nullptr};
    return run_engine([&](const http::ApiRequest&) { return std::move(response); });
  };
  if (auto* done = std::get_if<http::ApiResponse>(&result)) return finish_request(write(*done));
  is_waiting_ = true;
  if (auto* held = std::get_if<http::HeldResponse>(&result)) held_ = write(held->response);
}

EngineAnswer HttpConnection::run_engine(const http::HttpEngine::Handler& handler) {
  return door_.engine().run(framing_.request(), source_, local_, keeps_alive(), handler);
}

void HttpConnection::handle_release(const Node::Release& release) {
  is_waiting_ = false;
  switch (release.kind) {
    case Node::Release::Kind::kCommitted:
      finish_request(std::exchange(held_, {}));
      break;
    case Node::Release::Kind::kFailed:
      held_ = {};
      finish_request(run_engine(
          [&](const http::ApiRequest& parsed) { return door_.node().api().store_down(parsed); }));
      break;
    case Node::Release::Kind::kRerun:
      run_request();
      break;
    case Node::Release::Kind::kDelivered:
      finish_request(run_engine([&](const http::ApiRequest& parsed) {
        return door_.node().api().delivered(parsed, release.outcome);
      }));
      break;
  }
  process();
}

bool HttpConnection::keeps_alive() const {
  return framing_.request().keep_alive && !door_.is_draining();
}

void HttpConnection::finish_request(EngineAnswer answer) {
  const bool keep_alive = keeps_alive();
  const bool is_modern = !http::is_old(framing_.request().program);
  queue(std::move(answer.head), std::move(answer.body));
  if (!keep_alive) phase_ = Phase::kLastAnswer;
  framing_.consume(monotonic_now());
  if (!early_.empty()) framing_.handle_bytes(monotonic_now(), std::exchange(early_, {}));
  // A modern client has said all that it will say; an old one's line ends may still be on their
  // way.
  has_nothing_to_drain_ = is_modern && framing_.is_idle();
  if (has_ended_) framing_.handle_end(monotonic_now());
}

void HttpConnection::answer_framing_error() {
  door_.count_framing_error(framing_.error());
  // Through the library as well, so that every answer has the same shape: an empty request stands
  // in for the one that could not be read.
  http::FramedRequest nothing{.method = "GET", .target = "/", .fields = {}, .body = {}};
  EngineAnswer answer = door_.engine().run(
      nothing, source_, local_, false,
      [&](const http::ApiRequest&) { return http::HttpApi::framing_error(framing_.error()); });
  queue(std::move(answer.head));
  has_nothing_to_drain_ = false;
  phase_ = Phase::kLastAnswer;
}

void HttpConnection::queue(std::string text, std::shared_ptr<const std::string> body) {
  out_bytes_ += text.size() + (body ? body->size() : 0);
  if (!out_.empty() && !out_.back().body) {
    out_.back().text += text;
    out_.back().body = std::move(body);
  } else {
    out_.push_back({std::move(text), std::move(body)});
  }
  const auto slow_reader = std::chrono::seconds(out_bytes_ / http::kAnswerBytesPerSecondMin);
  write_deadline_ = monotonic_now() + http::kAnswerTime + slow_reader;
}

// Sends what the kernel takes now, in one call where it fits; the rest when it can take more.
void HttpConnection::flush() {
  if (is_writing_ || phase_ == Phase::kClosed || phase_ == Phase::kDraining) return;
  while (!out_.empty()) {
    if (!write_some()) return;
  }
  write_deadline_.reset();
  if (phase_ != Phase::kLastAnswer) return;
  if (has_nothing_to_drain_) return close();
  end_our_half();
}

bool HttpConnection::write_some() {
  std::array<asio::const_buffer, 16> buffers;
  std::size_t count = 0;
  std::size_t skip = sent_;
  for (const Segment& segment : out_) {
    for (const std::string_view part :
         {std::string_view(segment.text),
          segment.body ? std::string_view(*segment.body) : std::string_view()}) {
      const std::size_t from = std::min(skip, part.size());
      skip -= from;
      if (from < part.size() && count < buffers.size())
        buffers[count++] = asio::buffer(part.data() + from, part.size() - from);
    }
    if (count + 2 > buffers.size()) break;
  }
  // The end of a connection leaves in one segment with its last answer, since our half is shut right
  // after it: half the work for the kernel and for who reads it.
  const int flags = phase_ == Phase::kLastAnswer ? MSG_MORE : 0;
  error_code failed;
  const std::size_t sent = socket_.send(std::span(buffers.data(), count), flags, failed);
  if (failed == asio::error::would_block) {
    is_writing_ = true;
    socket_.async_wait(ip::tcp::socket::wait_write,
                       [self = shared_from_this()](const error_code& error) {
                         self->is_writing_ = false;
                         if (error) return self->close();
                         self->process();
                       });
    return false;
  }
  if (failed) {
    close();
    return false;
  }
  out_bytes_ -= sent;
  sent_ += sent;
  std::size_t done = 0;
  for (const Segment& segment : out_) {
    const std::size_t size = segment.text.size() + (segment.body ? segment.body->size() : 0);
    if (sent_ < size) break;
    sent_ -= size;
    ++done;
  }
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(done));
  return true;
}

void HttpConnection::end_our_half() {
  if (has_ended_) return close();
  error_code ignored;
  socket_.shutdown(ip::tcp::socket::shutdown_send, ignored);
  phase_ = Phase::kDraining;
  drain_deadline_ = monotonic_now() + http::kDrainTime;
  read();
}

void HttpConnection::handle_tick(TimePoint now) {
  if (phase_ == Phase::kDraining) {
    if (now >= drain_deadline_) close();
    return;
  }
  if (write_deadline_ && now >= *write_deadline_) return close();
  if (phase_ != Phase::kServing || is_waiting_ || !out_.empty()) return;
  const auto deadline = framing_.next_timeout();
  if (!deadline || now < *deadline) return;
  if (framing_.is_idle()) return close();
  framing_.handle_timeout(now);
  process();
}

void HttpConnection::drain() {
  if (phase_ == Phase::kServing && !is_waiting_ && out_.empty() && framing_.is_idle()) close();
}

void HttpConnection::close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  error_code ignored;
  socket_.close(ignored);
  door_.handle_closed(ticket_, source_);
}

}  // namespace registry
