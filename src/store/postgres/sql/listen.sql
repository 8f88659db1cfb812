-- Hear of new work.
listen /*channel*/fleet_q;
