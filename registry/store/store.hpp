// What the registry asks of a store: keep the directory across restarts and crashes. An answer to a
// user waits until the store says that his change is durable. Implementations are shells and may
// block on a thread of their own; all calls here come from the loop's thread and return at once.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "registry/directory.hpp"

namespace registry {

/// Everything a store keeps, in order of registration.
struct StoredState {
  std::vector<Record> records;
  Version version = 0;
  std::vector<NameKey> keys = {};
};

/// These changes are durable, in this order.
struct Committed {
  std::vector<std::pair<ChangeId, Version>> changes;
};
/// These changes are not; nothing of them will appear later while the process lives.
struct Failed {
  std::vector<ChangeId> changes;
  std::string reason;
  /// The store can no longer tell what is on disk: it takes nothing until rebuild() succeeds.
  bool must_rebuild = false;
};
/// The store takes changes again, after a Failed; `how` is for the log.
struct Recovered {
  std::string how;
};
struct RebuildFailed {
  std::string reason;
};
/// Something to log that concerns no single change.
struct StoreNotice {
  bool is_warning = false;
  std::string text;
};
using StoreReport = std::variant<Committed, Failed, Recovered, RebuildFailed, StoreNotice>;

class Store {
 public:
  using Listener = std::function<void(StoreReport)>;

  virtual ~Store() = default;

  /// Makes a change durable; a report names it, later and on the store's own thread.
  virtual void submit(Change change) = 0;
  /// Replaces all that is kept by `state`, after a Failed that asked for it.
  virtual void rebuild(StoredState state) = 0;
  /// Finishes what was submitted and everything else that should be on disk, then stops. Blocks.
  virtual void close() = 0;
};

}  // namespace registry
