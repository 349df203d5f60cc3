//! Unusable indexes, indexes that begin another one, and those unused for 90 days. A row without a name says that the fault was looked for.

use crate::facts::indexes;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
WITH own AS (
  SELECT i.owner, i.table_owner, i.table_name, i.index_name, i.uniqueness,
         LISTAGG(c.column_name || NVL2(NULLIF(c.descend, 'ASC'), ' D', ''), ',') WITHIN GROUP (ORDER BY c.column_position) AS cols
    FROM dba_indexes i
    JOIN dba_ind_columns c ON c.index_owner = i.owner AND c.index_name = i.index_name
    JOIN dba_users u ON u.username = i.owner AND u.oracle_maintained = 'N'
   WHERE i.index_type = 'NORMAL'
   GROUP BY i.owner, i.table_owner, i.table_name, i.index_name, i.uniqueness)
SELECT fault, name
  FROM (SELECT 'invalid' AS fault, NULL AS name FROM dual UNION ALL SELECT 'redundant', NULL FROM dual
         UNION ALL SELECT 'unused', NULL FROM dual
         UNION ALL SELECT 'invalid', owner || '.' || index_name FROM dba_indexes WHERE status = 'UNUSABLE'
         UNION ALL SELECT 'invalid', index_owner || '.' || index_name || '.' || partition_name FROM dba_ind_partitions WHERE status = 'UNUSABLE'
         UNION ALL
        SELECT 'redundant', r.owner || '.' || r.index_name FROM own r
         WHERE r.uniqueness = 'NONUNIQUE'
           AND EXISTS (SELECT 1 FROM own k
                        WHERE k.table_owner = r.table_owner AND k.table_name = r.table_name AND k.index_name <> r.index_name
                          AND (k.cols || ',') LIKE (r.cols || ',%')
                          AND (k.cols <> r.cols OR k.uniqueness = 'UNIQUE' OR k.index_name < r.index_name))
         UNION ALL
        SELECT 'unused', o.owner || '.' || o.index_name FROM own o
          JOIN dba_index_usage g ON g.owner = o.owner AND g.name = o.index_name
         WHERE o.uniqueness = 'NONUNIQUE' AND g.last_used < SYSDATE - 90)
 WHERE ROWNUM <= 2001";

pub(super) static VIEW: View<Row> = indexes::view("DBA_INDEXES", SQL);
