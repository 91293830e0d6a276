#include "registry/shell/door_server.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <utility>

#include "common/os/clock.hpp"
#include "registry/doors/limits.hpp"
#include "registry/http/limits.hpp"
#include "registry/shell/addresses.hpp"

namespace registry {
namespace {

using common::IpAddress;
using common::os::monotonic_now;
using common::os::UniqueFd;
using doors::StreamId;

/// Marks the epoll entries of listening sockets; the rest of the number counts them.
constexpr StreamId kListeningMark = StreamId{1} << 63;
/// Answers kept for a client that does not read them; then his commands wait. A long list may be
/// larger: it is one answer.
constexpr std::size_t kOutBytesMax = 64 * 1024;
/// A client that takes nothing for so long is gone.
constexpr std::chrono::seconds kWriteTime{30};
constexpr std::chrono::seconds kDrainTime{1};
constexpr std::chrono::milliseconds kTick{100};
/// Connections taken, and rounds of events worked off, before the loop sees to others.
constexpr int kAcceptsAtOnce = 64;
constexpr int kRoundsAtOnce = 16;
/// Room for connections that the door has let go of and that are still being closed.
constexpr std::size_t kClosingMax = 4096;
/// After so many seconds of silence the other machine is asked whether it is still there, and given
/// up after three unanswered questions.
constexpr int kKeepaliveIdleS = 60;
constexpr int kKeepaliveIntervalS = 10;

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

void set_keepalive(int fd, int idle_s, int interval_s) {
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
}

void prepare(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_keepalive(fd, kKeepaliveIdleS, kKeepaliveIntervalS);
}

std::error_code last_error() { return {errno, std::generic_category()}; }

IpAddress address_of(const asio::ip::tcp::endpoint& endpoint) {
  return to_ip_address(endpoint.address());
}

/// This end's or the other's address of a connection.
template <typename Get>
asio::ip::tcp::endpoint endpoint_of(int fd, Get get) {
  asio::ip::tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (get(fd, endpoint.data(), &size) == 0) endpoint.resize(size);
  return endpoint;
}

}  // namespace

DoorServer::DoorServer(asio::io_context& loop, doors::StreamDoor& door, StreamId& last_id,
                       std::function<void()> after_events)
    : door_(door),
      after_events_(std::move(after_events)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      ready_(loop),
      last_id_(last_id),
      tick_(loop) {
  if (!epoll_.is_open()) throw std::system_error(last_error(), "epoll_create1");
  ready_.assign(epoll_.get());
  wait();
}

DoorServer::~DoorServer() { ready_.release(); }

common::expected<common::Endpoint, std::error_code> DoorServer::listen(
    const common::Endpoint& endpoint) {
  const asio::ip::tcp::endpoint wanted(to_asio(endpoint.address), endpoint.port);
  UniqueFd fd(::socket(wanted.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return common::unexpected{last_error()};
  // SO_REUSEADDR alone: with SO_REUSEPORT a second registry would share the port without a word.
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (endpoint.address.is_v6())
    set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, endpoint.address.is_loopback() ? 1 : 0);
  if (::bind(fd.get(), wanted.data(), static_cast<socklen_t>(wanted.size())) != 0 ||
      ::listen(fd.get(), http::kBacklog) != 0) {
    return common::unexpected{last_error()};
  }
  const std::uint16_t port = endpoint_of(fd.get(), ::getsockname).port();
  const StreamId mark = kListeningMark | ++last_mark_;
  epoll_event event{.events = EPOLLIN, .data = {.u64 = mark}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event);
  listening_.emplace(mark, std::make_unique<Listening>(Listening{std::move(fd), port}));
  return common::Endpoint{endpoint.address, port};
}

void DoorServer::stop_listening(std::uint16_t port) {
  std::erase_if(listening_, [port](const auto& entry) { return entry.second->port == port; });
}

void DoorServer::stop_listening() { listening_.clear(); }

void DoorServer::wait() {
  ready_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [this](const std::error_code& cancelled) {
                      if (!cancelled) handle_ready();
                    });
}

void DoorServer::handle_ready() {
  std::array<epoll_event, 256> events;
  for (int round = 0; round < kRoundsAtOnce; ++round) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 0);
    if (count <= 0) break;
    for (const epoll_event& event : std::span(events).first(static_cast<std::size_t>(count)))
      handle_event(event.data.u64, event.events);
    after_events_();
  }
  wait();
}

void DoorServer::handle_event(StreamId id, std::uint32_t events) {
  if ((id & kListeningMark) != 0) {
    const auto listening = listening_.find(id);
    if (listening != listening_.end()) accept(*listening->second);
    return;
  }
  Stream* stream = find(id);
  if (stream == nullptr) return;  // closed by an event before this one
  if (stream->phase == Stream::Phase::kDialing) return finish_dial(id, *stream);
  if ((events & EPOLLOUT) != 0 && !send_some(id, *stream)) return;
  stream = find(id);
  if (stream == nullptr) return;
  if ((events & EPOLLIN) != 0 && !stream->has_ended) return read(id, *stream);
  // Broken, or ended on both sides: nothing that is sent will be read.
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) lose(id);
}

void DoorServer::accept(Listening& listening) {
  for (int taken = 0; taken < kAcceptsAtOnce; ++taken) {
    UniqueFd fd(::accept4(listening.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.is_open()) {
      if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
      // Out of descriptors, most likely: trying again at once would spin. The tick goes on.
      epoll_event event{.events = 0, .data = {.u64 = 0}};
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listening.fd.get(), &event);
      listening.is_paused = true;
      return arm_tick();
    }
    if (streams_.size() >= doors::kStreamsMax + kClosingMax) continue;
    const auto peer = endpoint_of(fd.get(), ::getpeername);
    const auto local = endpoint_of(fd.get(), ::getsockname);
    prepare(fd.get());
    const StreamId id = add(std::move(fd), Stream::Phase::kOpen);
    door_.handle_accepted(monotonic_now(), id, address_of(peer), {address_of(local), local.port()});
  }
}

StreamId DoorServer::add(UniqueFd fd, Stream::Phase phase) {
  const StreamId id = ++last_id_;
  auto stream = std::make_unique<Stream>();
  stream->fd = std::move(fd);
  stream->phase = phase;
  Stream& held = *streams_.emplace(id, std::move(stream)).first->second;
  epoll_event event{.events = 0, .data = {.u64 = id}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, held.fd.get(), &event);
  watch(id, held);
  return id;
}

DoorServer::Stream* DoorServer::find(StreamId id) {
  const auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second.get();
}

// Tells epoll what the stream waits for now.
void DoorServer::watch(StreamId id, Stream& stream) {
  std::uint32_t wanted = 0;
  const bool reads = stream.phase == Stream::Phase::kDraining ||
                     (stream.phase == Stream::Phase::kOpen && !stream.is_unwanted &&
                      stream.out_bytes <= kOutBytesMax);
  if (reads && !stream.has_ended) wanted |= EPOLLIN;
  if (stream.out_bytes > 0 || stream.phase == Stream::Phase::kDialing) wanted |= EPOLLOUT;
  if (wanted == stream.interest) return;
  stream.interest = wanted;
  epoll_event event{.events = wanted, .data = {.u64 = id}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, stream.fd.get(), &event);
}

void DoorServer::read(StreamId id, Stream& stream) {
  const ssize_t count = ::recv(stream.fd.get(), buffer_.data(), buffer_.size(), 0);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return lose(id);
  }
  if (stream.phase == Stream::Phase::kDraining) {
    if (count == 0) forget(id);
    return;
  }
  if (count == 0) {
    stream.has_ended = true;
    watch(id, stream);
    return door_.handle_end(monotonic_now(), id);
  }
  const bool takes_more =
      door_.handle_bytes(monotonic_now(), id, {buffer_.data(), static_cast<std::size_t>(count)});
  if (takes_more) return;
  stream.is_unwanted = true;
  watch(id, stream);
}

bool DoorServer::flush() {
  bool is_something_done = false;
  while (auto action = door_.poll_action()) {
    is_something_done = true;
    if (const auto* bytes = std::get_if<doors::Write>(&*action)) {
      write(*bytes);
    } else if (const auto* closed = std::get_if<doors::Close>(&*action)) {
      close_after_writing(closed->stream);
    } else if (const auto* resumed = std::get_if<doors::Resume>(&*action)) {
      if (Stream* stream = find(resumed->stream)) {
        stream->is_unwanted = false;
        watch(resumed->stream, *stream);
      }
    } else if (const auto* to = std::get_if<doors::Dial>(&*action)) {
      dial(*to);
    } else if (const auto* probed = std::get_if<doors::Probe>(&*action)) {
      probe(probed->stream);
    }
  }
  return is_something_done;
}

void DoorServer::write(const doors::Write& write) {
  Stream* stream = find(write.stream);
  if (stream == nullptr || stream->phase != Stream::Phase::kOpen) return;
  stream->out_bytes += write.bytes->size();
  stream->out.push_back(write.bytes);
  if (stream->out.size() == 1) {
    send_some(write.stream, *stream);
  } else {
    watch(write.stream, *stream);  // more than he may leave unread: his commands wait
    tell_backlog(write.stream, *stream);
  }
}

void DoorServer::tell_backlog(StreamId id, Stream& stream) {
  if (stream.phase != Stream::Phase::kOpen) return;
  const std::size_t bytes = stream.out_bytes;
  const bool is_behind = bytes > (stream.is_behind ? kOutBytesMax / 2 : kOutBytesMax);
  if (is_behind == stream.is_behind) return;
  stream.is_behind = is_behind;
  door_.handle_backlog(monotonic_now(), id, is_behind);
}

bool DoorServer::send_some(StreamId id, Stream& stream) {
  std::size_t done = 0;
  bool is_broken = false;
  while (done < stream.out.size()) {
    const std::string_view rest = std::string_view(*stream.out[done]).substr(stream.sent);
    const ssize_t count = ::send(stream.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      is_broken = errno != EAGAIN;
      break;
    }
    stream.sent += static_cast<std::size_t>(count);
    stream.out_bytes -= static_cast<std::size_t>(count);
    if (stream.sent < stream.out[done]->size()) continue;
    stream.sent = 0;
    ++done;
  }
  stream.out.erase(stream.out.begin(), stream.out.begin() + static_cast<std::ptrdiff_t>(done));
  if (is_broken) {
    lose(id);
    return false;
  }
  if (stream.out.empty()) {
    if (stream.out.capacity() > 4) stream.out.shrink_to_fit();
    if (stream.phase == Stream::Phase::kLastWrite) {
      end_our_half(id, stream);
      return true;
    }
    if (stream.interest != 0 && (stream.interest & EPOLLOUT) != 0) deadlines_.erase(id);
  } else {
    // Each step forward gives it more time.
    if (done > 0 || !deadlines_.contains(id)) deadlines_[id] = monotonic_now() + kWriteTime;
    arm_tick();
  }
  watch(id, stream);
  tell_backlog(id, stream);
  return true;
}

void DoorServer::close_after_writing(StreamId id) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->phase = Stream::Phase::kLastWrite;
  if (stream->out.empty()) return end_our_half(id, *stream);
  watch(id, *stream);
}

// Closing at once would throw away what was sent if anything of the other side's is still unread.
void DoorServer::end_our_half(StreamId id, Stream& stream) {
  if (stream.has_ended) return forget(id);
  ::shutdown(stream.fd.get(), SHUT_WR);
  stream.phase = Stream::Phase::kDraining;
  deadlines_[id] = monotonic_now() + kDrainTime;
  watch(id, stream);
  arm_tick();
}

void DoorServer::dial(const doors::Dial& dial) {
  const asio::ip::tcp::endpoint to(to_asio(dial.to.address), dial.to.port);
  UniqueFd fd(::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open() || (::connect(fd.get(), to.data(), static_cast<socklen_t>(to.size())) != 0 &&
                        errno != EINPROGRESS)) {
    return door_.handle_dialed(monotonic_now(), dial.client, std::nullopt);
  }
  const StreamId id = add(std::move(fd), Stream::Phase::kDialing);
  streams_.at(id)->client = dial.client;
  deadlines_[id] = monotonic_now() + dial.limit;
  arm_tick();
}

void DoorServer::finish_dial(StreamId id, Stream& stream) {
  int failed = 0;
  socklen_t size = sizeof failed;
  ::getsockopt(stream.fd.get(), SOL_SOCKET, SO_ERROR, &failed, &size);
  // A connection to a free port of this machine's own can meet itself.
  const bool is_own_echo = failed == 0 && endpoint_of(stream.fd.get(), ::getsockname) ==
                                              endpoint_of(stream.fd.get(), ::getpeername);
  const StreamId client = stream.client;
  deadlines_.erase(id);
  if (failed != 0 || is_own_echo) {
    forget(id);
    return door_.handle_dialed(monotonic_now(), client, std::nullopt);
  }
  prepare(stream.fd.get());
  stream.phase = Stream::Phase::kOpen;
  watch(id, stream);
  door_.handle_dialed(monotonic_now(), client, id);
}

void DoorServer::probe(StreamId id) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->probed_at = monotonic_now();
  set_keepalive(stream->fd.get(), 1, 1);
  probed_.push_back(id);
  arm_tick();
}

// True while nothing is known: the kernel asks the other machine, whose answer is an ACK, or a
// reset if it knows no such connection.
bool DoorServer::check_probe(StreamId id, Stream& stream) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(stream.fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  const auto since_ack = std::chrono::milliseconds(info.tcpi_last_ack_recv);
  if (since_ack >= monotonic_now() - *stream.probed_at) return true;
  stream.probed_at.reset();
  set_keepalive(stream.fd.get(), kKeepaliveIdleS, kKeepaliveIntervalS);
  door_.handle_probed(monotonic_now(), id);
  return false;
}

void DoorServer::lose(StreamId id) {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  const bool is_doors = stream->phase == Stream::Phase::kOpen;
  forget(id);
  if (is_doors) door_.handle_closed(monotonic_now(), id);
}

void DoorServer::forget(StreamId id) {
  deadlines_.erase(id);
  streams_.erase(id);
}

void DoorServer::arm_tick() {
  if (std::exchange(is_tick_armed_, true)) return;
  tick_.expires_after(kTick);
  tick_.async_wait([this](const std::error_code& cancelled) {
    if (cancelled) return;
    is_tick_armed_ = false;
    handle_tick();
  });
}

void DoorServer::handle_tick() {
  const TimePoint now = monotonic_now();
  bool is_paused = false;
  for (const auto& [mark, listening] : listening_) {
    if (!listening->is_paused) continue;
    listening->is_paused = false;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = mark}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listening->fd.get(), &event);
    accept(*listening);
    is_paused |= listening->is_paused;
  }
  std::vector<StreamId> due;
  for (const auto& [id, deadline] : deadlines_)
    if (now >= deadline) due.push_back(id);
  for (const StreamId id : due) {
    Stream* stream = find(id);
    if (stream == nullptr) continue;
    const bool is_dial = stream->phase == Stream::Phase::kDialing;
    const StreamId client = stream->client;
    if (!is_dial) {
      lose(id);
      continue;
    }
    forget(id);
    door_.handle_dialed(now, client, std::nullopt);
  }
  std::erase_if(probed_, [&](StreamId id) {
    Stream* stream = find(id);
    return stream == nullptr || !stream->probed_at || !check_probe(id, *stream);
  });
  after_events_();
  if (!deadlines_.empty() || !probed_.empty() || is_paused) arm_tick();
}

}  // namespace registry
