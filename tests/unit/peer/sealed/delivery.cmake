add_unit_program(unit_delivery
  FILES
    peer/sealed/ack_ranges_test.cpp
    peer/sealed/congestion_test.cpp
    peer/sealed/frames_test.cpp
    peer/sealed/messenger_test.cpp
    peer/sealed/rtt_estimator_test.cpp
  LIBRARIES sealed_core fmt::fmt)
