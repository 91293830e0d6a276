// Registers from a thread of its own. A shell: one caller, besides the thread inside.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "peer/listener.hpp"
#include "peer/shell/job_thread.hpp"
#include "peer/shell/registry_client.hpp"

namespace peer {

/// What a registration is signed with; the serial serves one request.
struct RegistrationSigner {
  std::shared_ptr<const common::Identity> identity;
  common::ByteVector certificate;
  std::uint64_t serial = 0;
};

class RegistryWorker {
 public:
  struct Job {
    Verb verb;
    common::UserName name;
    std::uint16_t port;                         // that the datagram socket is bound to
    std::optional<common::HostPort> advertise;  // instead of the address of the route
    std::optional<std::string> owner_token;
    /// Who the name is to obey; none: a name without a key.
    std::optional<RegistrationSigner> signer = {};
  };
  struct Result {
    common::Endpoint endpoint;  // that was, or would have been, registered
    Listener::OutcomeOrFailure outcome;
  };

  explicit RegistryWorker(common::HostPort registry);
  /// Cancels what is under way and waits for the thread.
  ~RegistryWorker();
  /// The same, but waits for so long at most; false if the thread still runs. Looking up a host's
  /// name cannot be cancelled.
  bool stop_within(common::Duration time);

  /// One at a time: not before the last one's result was taken.
  void start(Job job) { thread_.start(std::move(job)); }
  /// Readable when a result is there.
  int fd() const { return thread_.fd(); }
  std::optional<Result> take_result() { return thread_.take_result(); }

 private:
  Result work(const Job& job);

  RegistryClient client_;
  // A LOGOUT must name the record to the byte, whatever the route says by then. The thread's alone.
  std::optional<common::Endpoint> registered_;
  JobThread<Job, Result> thread_;  // last: starts when everything else is there
};

}  // namespace peer
