# The transport half of sealed datagrams: frames, timers, order and delivery. Cores.
target_sources(sealed_core PRIVATE
  sealed/ack_ranges.cpp
  sealed/congestion.cpp
  sealed/frames.cpp
  sealed/rtt_estimator.cpp)
